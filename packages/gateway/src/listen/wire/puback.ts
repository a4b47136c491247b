import { malformed, protocolError } from "./fault.ts";
import { readU16 } from "./text.ts";

/**
 * PUBACK (3.4): packet id; in MQTT 5 also a reason code and properties, both left out on success.
 *
 * Properties of a client's PUBACK tell nothing that we use and are not read.
 */
export function encodePuback(packetId: number, code: number): Buffer {
  const packet = Buffer.allocUnsafe(code === 0 ? 4 : 5);
  packet[0] = 0x40;
  packet[1] = code === 0 ? 2 : 3;
  packet[2] = packetId >> 8;
  packet[3] = packetId & 0xff;
  if (code !== 0) packet[4] = code;
  return packet;
}

/** @throws PacketFault when it names no packet */
export function readPubackId(buffer: Buffer, start: number, stop: number): number {
  const packetId = readU16(buffer, start, stop);
  return packetId === 0 ? protocolError("packet id 0 [MQTT-2.2.1-3]") : packetId;
}

/** @returns 0 where there is no reason code, as always in 3.1.1 */
export function readPubackCode(
  buffer: Buffer,
  start: number,
  stop: number,
  hasCode: boolean,
): number {
  if (!hasCode && stop - start !== 2) malformed("a PUBACK of 3.1.1 has 2 bytes (3.4)");
  return stop - start > 2 ? (buffer[start + 2] as number) : 0;
}

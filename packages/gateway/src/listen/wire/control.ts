import { generate, type Packet, type Parser, parser } from "mqtt-packet";
import type { ProtocolLevel } from "../../admit/refusals.ts";
import { malformed, protocolError } from "./fault.ts";

/**
 * The packets that are not sent per message, read and written by mqtt-packet.
 *
 * Its parser is given whole packets only, so one of them serves all connections of a protocol level.
 * It is laxer than the standard; `text`, `packetId` and `checkProperties` refuse what it lets through.
 */
class WholePackets {
  readonly #level: ProtocolLevel;
  #parser: Parser | undefined = undefined;
  /** What the last packet was, or what is wrong with it. */
  #read: Packet | Error | undefined = undefined;

  constructor(level: ProtocolLevel) {
    this.#level = level;
  }

  /** @throws PacketFault when it is malformed */
  read(frame: Buffer): Packet {
    const packet = this.#parse(frame);
    if (packet instanceof Error) {
      // It may be in disorder: after some malformed packets it waits for bytes that never come.
      this.#parser = undefined;
      malformed(packet.message);
    }
    return packet;
  }

  #parse(frame: Buffer): Packet | Error {
    this.#read = undefined;
    this.#parser ??= this.#open();
    try {
      return this.#result(this.#parser.parse(frame));
    } catch (error) {
      // It reads past the end of some malformed packets.
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** @param rest bytes that the parser keeps for a packet that it takes for longer */
  #result(rest: number): Packet | Error {
    if (this.#read instanceof Error) return this.#read;
    return rest === 0 && this.#read !== undefined ? this.#read : new Error("a cut off packet");
  }

  #open(): Parser {
    const opened = parser({ protocolVersion: this.#level });
    opened.on("packet", (packet) => {
      this.#read = packet;
    });
    opened.on("error", (error: Error) => {
      this.#read = error;
    });
    return opened;
  }
}

const before5 = new WholePackets(4);
const since5 = new WholePackets(5);

/** Reads a packet of an accepted connection. @throws PacketFault when it is malformed */
export function readControl(frame: Buffer, protocol: ProtocolLevel): Packet {
  return (protocol === 5 ? since5 : before5).read(frame);
}

/** Reads the first packet. Apart from the others, since mqtt-packet's parser takes its level from it. */
export function readFirst(frame: Buffer): Packet {
  return new WholePackets(4).read(frame);
}

/** Writes a packet that mqtt-packet is trusted with: every kind but PUBLISH and PUBACK. */
export function encodeControl(packet: Packet, protocol: ProtocolLevel): Buffer {
  return generate(packet, { protocolVersion: protocol });
}

/** Writes a DISCONNECT of MQTT 5; without its reason string where that is too long for the client. */
export function encodeDisconnect(
  reasonCode: number,
  reasonString: string | undefined,
  packetBytesMax: number,
): Buffer {
  const bare = encodeControl({ cmd: "disconnect", reasonCode }, 5);
  if (reasonString === undefined) return bare;
  const full = encodeControl({ cmd: "disconnect", reasonCode, properties: { reasonString } }, 5);
  return full.length <= packetBytesMax ? full : bare;
}

/** @throws PacketFault for text that was no UTF-8 [MQTT-1.5.4-1] or holds U+0000 [MQTT-1.5.4-2] */
export function text(value: string | null, frame: Buffer): string {
  if (value === null) return malformed("a packet that ends within a string");
  if (value.includes("\0")) malformed("a string with U+0000 [MQTT-1.5.4-2]");
  // mqtt-packet puts U+FFFD where bytes are no UTF-8; only what really was one encodes back.
  if (value.includes("\uFFFD") && !frame.includes(value)) {
    malformed("a string that is no UTF-8 [MQTT-1.5.4-1]");
  }
  return value;
}

/** @throws PacketFault for packet id 0, or none where the packet ended before it */
export function packetId(packet: { messageId?: number }): number {
  const id = packet.messageId ?? -1;
  return id > 0 ? id : protocolError("packet id 0 [MQTT-2.2.1-3]");
}

/**
 * Checks properties for names that this packet does not have, and for repeats.
 *
 * @throws PacketFault (2.2.2.2)
 */
export function checkProperties(
  properties: object | undefined,
  allowed: ReadonlySet<string>,
  frame: Buffer,
): void {
  for (const [name, value] of Object.entries(properties ?? {}) as [string, unknown][]) {
    if (!allowed.has(name)) protocolError(`property ${name} does not belong here (2.2.2.2)`);
    if (name === "userProperties") checkPairs(value as object, frame);
    else if (Array.isArray(value)) protocolError(`property ${name} twice (2.2.2.2)`);
    else if (value === null || value === undefined || value === -1) {
      malformed(`property ${name} is cut off`);
    } else if (typeof value === "string") text(value, frame);
  }
}

function checkPairs(pairs: object, frame: Buffer): void {
  for (const [name, values] of Object.entries(pairs) as [string, string | null | string[]][]) {
    text(name, frame);
    for (const value of Array.isArray(values) ? values : [values]) text(value, frame);
  }
}

import { isUtf8 } from "node:buffer";
import { malformed } from "./fault.ts";

/** What Node puts where bytes are no UTF-8. */
const REPLACEMENT = "\uFFFD";

/** Reads a two-byte length. @throws PacketFault when the packet ends before */
export function readU16(buffer: Buffer, at: number, stop: number): number {
  if (at + 2 > stop) malformed("a packet that ends within a number");
  return ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
}

/**
 * Reads the UTF-8 string between two places.
 *
 * @throws PacketFault for bytes that are no UTF-8 [MQTT-1.5.4-1], or that hold U+0000 [MQTT-1.5.4-2]
 */
export function readText(buffer: Buffer, at: number, end: number, stop: number): string {
  if (end > stop) malformed("a packet that ends within a string");
  const text = buffer.toString("utf8", at, end);
  if (text.includes(REPLACEMENT) && !isUtf8(buffer.subarray(at, end))) {
    malformed("a string that is no UTF-8 [MQTT-1.5.4-1]");
  }
  if (text.includes("\0")) malformed("a string with U+0000 [MQTT-1.5.4-2]");
  return text;
}

import { malformed, PacketFault } from "./fault.ts";

const NOTHING = Buffer.alloc(0);

/**
 * Cuts what a socket delivers into packets.
 *
 *     packet  =  first byte (type and flags), remaining length (1 to 4 bytes, 7 bits each), body
 *
 * Our own rather than mqtt-packet's: a length over the limit is refused before the body is there, and
 * a connection that has sent nothing holds no buffer. Whole packets are given out as views.
 *
 * F1 At most the bytes that arrived are held, twice at worst, whatever length was announced.
 * F2 Bytes that were given out are never written to again.
 */
export class FrameReader {
  #buffer: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  /** Whether `#buffer` is ours to append to, rather than a chunk that came from the socket. */
  #ours = false;
  /** The packet that `find` found: its first byte, and where its body starts and stops in `buffer`. */
  first = 0;
  start = 0;
  stop = 0;

  get buffer(): Buffer {
    return this.#buffer;
  }

  /** The first byte of the next packet, as soon as that much is there. */
  get next(): number | undefined {
    return this.#at < this.#end ? this.#buffer[this.#at] : undefined;
  }

  push(chunk: Buffer): void {
    const rest = this.#end - this.#at;
    if (rest === 0) {
      this.#buffer = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      this.#ours = false;
      return;
    }
    this.#reserve(rest, chunk.length);
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Finds the next whole packet; it stays the next one until `take`.
   *
   * @throws PacketFault for a length that is malformed, or above `packetBytesMax`
   */
  find(packetBytesMax: number): boolean {
    let length = 0;
    for (let i = 1; i <= 4; i++) {
      const at = this.#at + i;
      if (at >= this.#end) return false;
      const byte = this.#buffer[at] as number;
      length += (byte & 0x7f) << (7 * (i - 1));
      if (byte >= 0x80) continue;
      if (byte === 0 && i > 1) malformed("a length in more bytes than it needs [MQTT-1.5.5-1]");
      return this.#found(at + 1, length, packetBytesMax);
    }
    return malformed("a remaining length of more than 4 bytes (2.1.4)");
  }

  take(): void {
    this.#at = this.stop;
  }

  /** To be called when no more packets will be taken for now: lets go of the chunk that came. */
  settle(): void {
    const rest = this.#end - this.#at;
    if (rest === 0) {
      this.#buffer = NOTHING;
      this.#at = 0;
      this.#end = 0;
      this.#ours = false;
    } else if (!this.#ours && rest * 2 < this.#buffer.length) {
      // The beginning of a packet must not keep a chunk of 64 KiB alive.
      this.#move(rest, rest);
    }
  }

  #found(start: number, length: number, packetBytesMax: number): boolean {
    const bytes = start - this.#at + length;
    if (bytes > packetBytesMax) {
      throw new PacketFault("packet-too-large", `${bytes} bytes, at most ${packetBytesMax}`);
    }
    this.first = this.#buffer[this.#at] as number;
    this.start = start;
    this.stop = start + length;
    return this.stop <= this.#end;
  }

  /** Doubles what is held, so that a packet that comes byte by byte is not copied for each of them. */
  #reserve(rest: number, more: number): void {
    if (this.#ours && this.#end + more <= this.#buffer.length) return;
    this.#move(rest, Math.max(rest + more, this.#ours ? rest * 2 : 0));
  }

  #move(rest: number, capacity: number): void {
    // Not from Node's pool: what is held here may be held for long, and would keep the pool's 8 KiB.
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(larger, 0, this.#at, this.#end);
    this.#buffer = larger;
    this.#at = 0;
    this.#end = rest;
    this.#ours = true;
  }
}

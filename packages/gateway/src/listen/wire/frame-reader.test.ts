import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wholePacket } from "../packets.ts";
import { FrameReader } from "./frame-reader.ts";

/** Attacks: F1 and F2 of frame-reader.ts. */

function refusedBy(bytes: number[], packetBytesMax = 1_000): string {
  const reader = new FrameReader();
  reader.push(Buffer.from(bytes));
  try {
    reader.find(packetBytesMax);
    return "taken";
  } catch (error) {
    return (error as { refusal: { refused: string } }).refusal.refused;
  }
}

describe("a stream of packets", () => {
  test("comes out as it was put in, wherever the network cuts it", () => {
    const frame = fc.record({
      first: fc.integer({ min: 0, max: 255 }),
      body: fc.uint8Array({ maxLength: 400 }),
    });
    const property = fc.property(
      fc.array(frame, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
      fc.boolean(),
      (frames, cuts, settles) => {
        const bytes = Buffer.concat(
          frames.map(({ first, body }) => wholePacket(first, Buffer.from(body))),
        );
        const reader = new FrameReader();
        const taken: { first: number; body: Uint8Array; view: Buffer }[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const to = at + (cuts[i % cuts.length] as number);
          reader.push(Buffer.from(bytes.subarray(at, to)));
          at = to;
          while (reader.find(1_000)) {
            reader.take();
            const view = reader.buffer.subarray(reader.start, reader.stop);
            taken.push({ first: reader.first, body: new Uint8Array(view), view });
          }
          if (settles) reader.settle();
        }
        expect(taken.map(({ first, body }) => ({ first, body }))).toEqual(frames);
        // F2: views that were given out still hold what they held.
        for (const { body, view } of taken) expect(new Uint8Array(view)).toEqual(body);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test("keeps a packet that was found but not taken", () => {
    const reader = new FrameReader();
    reader.push(Buffer.from([0xc0, 0, 0xe0, 0]));
    expect(reader.find(100)).toBe(true);
    reader.settle();
    expect(reader.find(100)).toBe(true);
    expect(reader.first).toBe(0xc0);
    reader.take();
    expect(reader.find(100)).toBe(true);
    expect(reader.first).toBe(0xe0);
  });
});

describe("a packet's length", () => {
  test("over the limit is refused before the body is there", () => {
    expect(refusedBy([0x30, 0xe9, 0x07])).toBe("packet-too-large");
    expect(refusedBy([0x30, 0xe5, 0x07])).toBe("taken");
    expect(refusedBy([0x30, 0xff, 0xff, 0xff, 0x7f])).toBe("packet-too-large");
  });

  test("has at most 4 bytes, and no more than it needs", () => {
    expect(refusedBy([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])).toBe("malformed-packet");
    expect(refusedBy([0x30, 0x80, 0x00])).toBe("malformed-packet");
    expect(refusedBy([0x30, 0x80])).toBe("taken");
  });
});

describe("memory (F1)", () => {
  test("is not reserved for what was announced but did not come", () => {
    const reader = new FrameReader();
    reader.push(Buffer.from([0x30, 0xff, 0xff, 0x07, 1, 2, 3]));
    expect(reader.find(200_000)).toBe(false);
    reader.settle();
    expect(reader.buffer.length).toBeLessThan(16);
  });

  test("is not held for a chunk of which only the beginning of a packet is left", () => {
    const reader = new FrameReader();
    reader.push(Buffer.concat([wholePacket(0x30, Buffer.alloc(60_000)), Buffer.from([0x30])]));
    reader.find(100_000);
    reader.take();
    reader.settle();
    expect(reader.buffer.buffer.byteLength).toBeLessThan(16);
  });

  test("stays within twice of what came, byte by byte", () => {
    const reader = new FrameReader();
    const packet = wholePacket(0x30, Buffer.alloc(5_000, 7));
    for (const [i, byte] of packet.entries()) {
      expect(reader.find(10_000)).toBe(false);
      reader.settle();
      reader.push(Buffer.from([byte]));
      expect(reader.buffer.length).toBeLessThanOrEqual(2 * (i + 1) + 2);
    }
    expect(reader.find(10_000)).toBe(true);
  });
});

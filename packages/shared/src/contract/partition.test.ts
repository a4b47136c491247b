import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { describe, expect, test } from "vitest";
import { murmur2, partitionOf } from "./partition.ts";

/** Attacks: P1 of partition.ts. */

describe("the partition of a key", () => {
  test("is the one that Kafka's own partitioner finds", () => {
    const partitioner = Partitioners.DefaultPartitioner();
    const metadata = Array.from({ length: 64 }, (_, partitionId) => ({ partitionId, leader: 1 }));
    const theirs = (key: string): number =>
      partitioner({
        topic: "t",
        partitionMetadata: metadata as never,
        message: { key: Buffer.from(key), value: null },
      });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (key) => {
        expect(partitionOf(key, 64)).toBe(theirs(key));
      }),
    );
  });

  test("is as Kafka's Java client documents it", () => {
    // From org.apache.kafka.common.utils.UtilsTest.
    const known: Record<string, number> = {
      "21": -973932308,
      foobar: -790332482,
      "a-little-bit-long-string": -985981536,
    };
    for (const [key, hash] of Object.entries(known)) expect(murmur2(Buffer.from(key))).toBe(hash);
  });
});

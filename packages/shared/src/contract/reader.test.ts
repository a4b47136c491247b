import { describe, expect, test } from "vitest";
import type { JournalHeader } from "./journal-record.ts";
import { JournalReader } from "./reader.ts";

/** Attacks: R1, R2 and R3 of reader.ts. */

const claim: JournalHeader = { v: 1, kind: "claim", n: 0 };
const step = (e: number, n: number): JournalHeader => ({ v: 1, kind: "step", e, n });

function read(records: readonly (JournalHeader | undefined)[]): string[] {
  const reader = new JournalReader();
  return records.map((record, offset) => reader.read(offset, record));
}

describe("the reader's rule", () => {
  test("counts the records of the last claim, in their order", () => {
    expect(read([claim, step(0, 1), step(0, 2)])).toEqual(["claim", "counts", "counts"]);
  });

  test("voids what an earlier claim writes after a later one", () => {
    expect(read([claim, step(0, 1), claim, step(0, 2), step(2, 1)])).toEqual([
      "claim",
      "counts",
      "claim",
      "void",
      "counts",
    ]);
  });

  test("voids a repeat, and stops at a gap: there the log has lost records", () => {
    expect(read([claim, step(0, 1), step(0, 1), step(0, 3)])).toEqual([
      "claim",
      "counts",
      "void",
      "gap",
    ]);
  });

  test("voids what nobody of ours wrote, and what stands before any claim", () => {
    expect(read([step(0, 1), undefined, claim, undefined, step(2, 1)])).toEqual([
      "void",
      "void",
      "claim",
      "void",
      "counts",
    ]);
  });

  test("goes on from a bookmark as if it had read all before it", () => {
    const records = [claim, step(0, 1), claim, step(0, 2), step(2, 1), step(2, 2)];
    const whole = new JournalReader();
    for (const [offset, record] of records.entries()) {
      const before = whole.bookmark;
      const reading = whole.read(offset, record);
      expect(new JournalReader(before).read(offset, record)).toBe(reading);
    }
  });
});

import { describe, expect, test } from "vitest";
import { movePosition, startPosition, WRITER_SILENT_MS_MAX, WRITERS_MAX } from "./position.ts";

describe("the position of a partition", () => {
  test("takes over what an append says, and keeps the stamps of writers that it does not name", () => {
    const one = movePosition(startPosition, { offset: 5, time: 100, stamps: { a: 1, b: 7 } });
    const two = movePosition(one, { offset: 9, time: 110, stamps: { a: 4 } });
    expect(two.offset).toBe(9);
    expect(Object.fromEntries(two.stamps)).toEqual({
      a: { n: 4, time: 110 },
      b: { n: 7, time: 100 },
    });
  });

  test("never runs back, in offset or in time", () => {
    const one = movePosition(startPosition, { offset: 5, time: 100 });
    expect(movePosition(one, { offset: 3, time: 90 })).toEqual(one);
  });

  test("forgets a writer after a day of silence, by the log's time", () => {
    const one = movePosition(startPosition, { offset: 1, time: 0, stamps: { a: 1 } });
    const day = movePosition(one, { offset: 2, time: WRITER_SILENT_MS_MAX });
    expect(day.stamps.has("a")).toBe(true);
    expect(movePosition(day, { offset: 3, time: WRITER_SILENT_MS_MAX + 1 }).stamps.size).toBe(0);
  });

  test("never forgets a log: its copies and sends come again after an outage of any length", () => {
    const stamps = { "events/1": 7, "journal/1": 9_000 };
    const one = movePosition(startPosition, { offset: 1, time: 0, stamps });
    const later = movePosition(one, { offset: 2, time: 100 * WRITER_SILENT_MS_MAX });
    expect([...later.stamps.keys()]).toEqual(["events/1", "journal/1"]);
  });
});

test("of more writers than anybody has, those are forgotten that were silent for longest; logs never", () => {
  const log = { "journal/7": 1, "events/4095": 3 };
  let position = movePosition(startPosition, { offset: 1, time: 0, stamps: log });
  for (let i = 1; i <= WRITERS_MAX + 1; i++)
    position = movePosition(position, { offset: i, time: i, stamps: { [`w${i}`]: i } });
  const names = [...position.stamps.keys()];
  expect(names.slice(0, 3)).toEqual(["journal/7", "events/4095", "w1002"]);
  expect(names).toHaveLength(1_002);
  const fake = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`journal/${i}x`, i]));
  expect(movePosition(startPosition, { offset: 1, time: 0, stamps: fake }).stamps.size).toBe(1_000);
});

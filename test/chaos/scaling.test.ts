import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { expect, test } from "vitest";
import { longestWaits, namesOfDevices, showResizes } from "./scaling.ts";

test("as many devices live in each partition", () => {
  const names = namesOfDevices(12, 2);
  expect(new Set(names).size).toBe(24);
  const partitions = names.map((name) => partitionOf(logKey("default", name), 12));
  expect(partitions.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 24 }, (_, n) => n >> 1),
  );
});

/** An event and how long its command took, in ms. */
const event = (at: number, waitMs: number) => ({ at, answeredAt: at + waitMs });

test("of each partition the longest wait is told, and one in which nobody spoke is a fault of the run", () => {
  const said = [
    { partition: 0, events: [event(0, 10), event(5, 30)] },
    { partition: 1, events: [event(0, 7)] },
    { partition: 0, events: [event(9, 20)] },
  ];
  expect([...longestWaits(said, 2)]).toEqual([
    [0, 30],
    [1, 7],
  ]);
  expect(() => longestWaits(said, 3)).toThrow("no device said anything in partition 2");
  const silent = [...said, { partition: 2, events: [{ at: 3 }] }];
  expect(() => longestWaits(silent, 3)).toThrow("no device said anything in partition 2");
});

test("a change is told with each partition, and what was lost or doubled of its own events", () => {
  const change = { role: "engine", tookMs: 1_240, before: 24.4, after: 25.6 } as const;
  const changes = [
    {
      ...change,
      from: 1,
      to: 2,
      at: 5_000,
      pauses: new Map([
        [0, 812.4],
        [1, 31],
      ]),
    },
    {
      ...change,
      from: 2,
      to: 1,
      at: 9_000,
      pauses: new Map([
        [0, 40],
        [1, 950.6],
      ]),
    },
  ];
  const devices = [{ name: "d7", events: [event(4_500, 10), event(8_500, 10)] }];
  const findings = { lost: ["d7-1 is not taken"], doubled: ["d7-2 was taken twice"] };
  expect(showResizes({ devices }, changes, findings).split("\n")).toEqual([
    "engines 1 > 2, in 1.2 s: lost 1, doubled 0, events/s 24 > 26",
    "  longest wait of each partition in ms: 0: 812, 1: 31",
    "engines 2 > 1, in 1.2 s: lost 0, doubled 1, events/s 24 > 26",
    "  longest wait of each partition in ms: 0: 40, 1: 951",
    "in all: lost 1, doubled 1",
  ]);
});

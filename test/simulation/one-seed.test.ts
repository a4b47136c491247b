import { expect, test } from "vitest";
import { expectToHold } from "./replay.ts";
import { onceFailed } from "./seeds.ts";
import { simulate } from "./simulation.ts";

/** `SEED=7` runs that one. */
const seed = Number(process.env["SEED"] ?? 1);

test("a seed decides everything: run again, it is the same to the last line", async () => {
  const { history, broken } = await simulate(seed, true);
  expect((await simulate(seed, true)).history).toEqual(history);
  expect(broken, [...history, ...broken].join("\n")).toEqual([]);
}, 60_000);

test("seeds that once failed hold all invariants", async () => {
  await expectToHold(onceFailed.keys());
}, 60_000);

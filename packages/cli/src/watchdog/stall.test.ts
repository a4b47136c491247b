import { describe, expect, test } from "vitest";
import { Stall } from "./stall.ts";

/** Attacks: D2 of watchdog.ts. */

/** Checks every 10 ms, with a tick between them or none; at 0 there is one. */
function checks(...times: readonly (readonly [atMs: number, tick?: "tick"])[]): number[] {
  const stall = new Stall(10, 0, 0);
  let ticks = 0;
  return times.map(([atMs, tick]) => stall.check((ticks += tick === undefined ? 0 : 1), atMs));
}

describe("a stall", () => {
  test("grows from check to check while no tick comes, and ends with the next one", () => {
    expect(checks([10], [20], [31], [41, "tick"], [50])).toEqual([10, 20, 31, 0, 9]);
  });

  test("does not count the time in which nobody checked, and begins anew after it", () => {
    expect(checks([10], [20], [60_020], [60_030], [60_040])).toEqual([10, 20, 0, 10, 20]);
  });

  test("goes on over a check that is a little late", () => {
    expect(checks([10], [45], [55])).toEqual([10, 45, 55]);
  });
});

import { expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { TimerTurns } from "./timer-turns.ts";

/** Takes a turn that lasts so long, as soon as it is free. */
async function taking(turns: TimerTurns, clock: SimClock, ms: number, told: () => void) {
  while (!turns.isFree) await new Promise<void>((resolve) => turns.whenFree(resolve));
  await turns.take(async () => {
    told();
    await new Promise<void>((resolve) => clock.after(ms, resolve));
  });
}

async function begun(ms: number): Promise<[string, number][]> {
  const clock = new SimClock(1, 0);
  const turns = new TimerTurns(clock);
  const seen: [string, number][] = [];
  for (const name of ["a", "b", "c"])
    void taking(turns, clock, ms, () => seen.push([name, clock.monotonicMs()]));
  await clock.advance(1_000);
  expect(clock.pending).toBe(0);
  return seen;
}

test("one after the other, in the order in which they were asked for", async () => {
  expect(await begun(20)).toEqual([
    ["a", 0],
    ["b", 20],
    ["c", 40],
  ]);
});

test("one that takes long holds up the others for 50 ms", async () => {
  expect(await begun(300)).toEqual([
    ["a", 0],
    ["b", 50],
    ["c", 100],
  ]);
});

test("one that fails is over", async () => {
  const turns = new TimerTurns(new SimClock(1, 0));
  const failing = turns.take(() => Promise.reject(new Error("lost")));
  await expect(failing).rejects.toThrow("lost");
  expect(turns.isFree).toBe(true);
});

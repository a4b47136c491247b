import { expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { LogClock } from "./log-clock.ts";

test("goes on from what the log said last, by the monotonic clock", async () => {
  const clock = new SimClock(1);
  const log = new LogClock(clock, 1_000);
  await clock.advance(50);
  expect(log.now()).toBe(1_050);
  log.learn(2_000);
  await clock.advance(5);
  expect(log.now()).toBe(2_005);
  expect(log.at(clock.monotonicMs() - 10)).toBe(1_995);
});

test("does not run back when the log does: it stands still until the log is as far", async () => {
  const clock = new SimClock(1);
  const log = new LogClock(clock, 1_000);
  await clock.advance(500);
  expect(log.now()).toBe(1_500);
  log.learn(1_200); // of a broker whose clock is behind
  expect(log.now()).toBe(1_500);
  await clock.advance(299);
  expect(log.now()).toBe(1_500);
  await clock.advance(2);
  expect(log.now()).toBe(1_501);
});

test("is whole milliseconds, whatever the monotonic clock has", () => {
  let ms = 10.75;
  const clock = Object.assign(new SimClock(1), { monotonicMs: () => ms });
  const log = new LogClock(clock, 1_000);
  ms = 12.5;
  expect(log.now()).toBe(1_001);
});

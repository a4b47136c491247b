import { expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

/** Attacks: T2 of tenure.ts. Each partition of a topic has the clock of the broker that leads it. */

const lamp = `
flow: lamp
inputs: { press: { topic: lamp/+/press, thing: "\${topic[1]}" } }
machine:
  initial: "off"
  states:
    off: { on: { press: "on" } }
    on:
      on: { press: { target: "on", reenter: true } }
      after: { 30s: "off" }
`;

const MINUTES_5 = 300_000;

function warnings({ lines }: World): string[] {
  return lines.filter((line) => line.startsWith("warn the brokers' clocks differ"));
}

/** Times of steps, from the first one's on, in s. */
function times(world: World): number[] {
  const all = world.steps("lamp/a").map(({ at }) => at);
  return all.map((at) => (at - (all[0] ?? 0)) / 1_000);
}

test("the journal's clock is behind: operators are told, and timers are late by as much", async () => {
  const world = await simulate({ flows: [lamp], partitions: 1 });
  world.logs.aheadMs = (topic) => (topic === "events" ? MINUTES_5 : 0);
  await world.publish("lamp/a/press", {});
  await world.publish("lamp/a/press", {});
  expect(warnings(world)).toEqual([
    `warn the brokers' clocks differ; timers are early or late by as much ${JSON.stringify({
      behindMs: MINUTES_5,
      behind: "journal/0",
      of: "events/0",
    })}`,
  ]);
  await world.advance(MINUTES_5 + 29_999);
  expect(world.instance("lamp/a").state).toBe("on");
  await world.advance(1);
  expect(world.instance("lamp/a").state).toBe("off");
  expect(times(world)).toEqual([0, 0, 30]);
});

test("an event fires what is due before it, whatever the journal's clock says", async () => {
  const world = await simulate({ flows: [lamp], partitions: 1 });
  world.logs.aheadMs = (topic) => (topic === "events" ? MINUTES_5 : 0);
  await world.publish("lamp/a/press", {});
  await world.advance(31_000);
  expect(world.instance("lamp/a").state).toBe("on");
  await world.publish("lamp/a/press", {});
  expect(world.history("lamp/a").slice(1)).toEqual([
    "xstate.after.30000.lamp.on: on > off",
    "press: off > on",
  ]);
});

test("the journal's clock is ahead: timers are early by as much, and once", async () => {
  const world = await simulate({ flows: [lamp], partitions: 1 });
  world.logs.aheadMs = (topic) => (topic === "journal" ? 20_000 : 0);
  await world.publish("lamp/a/press", {});
  await world.advance(9_999);
  expect(world.instance("lamp/a").state).toBe("on");
  await world.advance(1);
  expect(world.instance("lamp/a").state).toBe("off");
  await world.advance(60_000);
  expect(times(world)).toEqual([0, 30]);
  expect(warnings(world)).toEqual([]);
});

test("a broker whose clock is behind takes over: time stands still, and runs on", async () => {
  const world = await simulate({ flows: [lamp], partitions: 1 });
  world.logs.aheadMs = () => 60_000;
  await world.publish("lamp/a/press", {});
  world.logs.aheadMs = () => 0;
  await world.publish("lamp/a/press", {});
  await world.publish("lamp/a/press", {});
  expect(times(world)).toEqual([0, 0, 0]);
  await world.crashAndRecover();
  await world.publish("lamp/a/press", {});
  expect(times(world)).toEqual([0, 0, 0, 0]);
  await world.advance(60_000 + 30_000);
  expect(times(world)).toEqual([0, 0, 0, 0, 30]);
  expect(world.rejections()).toEqual([]);
});

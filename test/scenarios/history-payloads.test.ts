import { History } from "@millrace/engine/query/history";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

/** A history shows what came in with each step, as far as the log still has it. */

const flow = `
flow: lamp
inputs:
  motion: { topic: lamp/+/motion, thing: "\${topic[1]}" }
machine:
  initial: dark
  states:
    dark: { on: { motion: lit } }
    lit: { on: { motion: { target: lit, reenter: true }, dim: dark }, after: { 10s: dark } }
`;

const ref = { ns: "default", flow: "lamp", key: "hall" };

function historyOf(world: World): History {
  const { log } = world.process;
  return new History({ log, store: new MemoryStateStore(world.states), clock: world.clock });
}

async function payloads(world: World, history = historyOf(world)): Promise<unknown[]> {
  await world.advance(1_000); // the store catches up
  const { steps } = await history.page(ref, { limit: 20 });
  return steps.map(({ step, caused }) => [step.cause.type, caused]);
}

const partitionOfHall = (world: World): number =>
  partitionOf(logKey("default", "hall"), world.logs.partitions);

test("each step has the payload of its cause; a timer has none", async () => {
  const world = await simulate({ flows: [flow] });
  await world.publish("lamp/hall/motion", { lux: 12 });
  await world.signal("lamp/hall", "dim", { by: "ann" });
  await world.publish("lamp/hall/motion", Buffer.from([0xff, 0x00]));
  await world.publish("lamp/hall/motion", { lux: 13 });
  await world.advance(10_000);
  expect(await payloads(world)).toEqual([
    ["xstate.after.10000.lamp.lit", undefined],
    ["motion", { payload: { lux: 13 } }],
    ["dim", { payload: { by: "ann" } }],
    ["motion", { payload: { lux: 12 } }],
  ]);
});

test("of a large one, the size and how it begins are shown", async () => {
  const world = await simulate({ flows: [flow] });
  const large = JSON.stringify({ text: "x".repeat(16 * 1024) });
  await world.publish("lamp/hall/motion", Buffer.from(large));
  const base64 = Buffer.from(large.slice(0, 1_024)).toString("base64");
  expect(await payloads(world)).toEqual([["motion", { payload: { bytes: large.length, base64 } }]]);
});

test("what the log has deleted is said to be deleted, before the read and during it", async () => {
  const world = await simulate({ flows: [flow] });
  for (const lux of [1, 2, 3]) await world.publish("lamp/hall/motion", { lux });
  const partition = partitionOfHall(world);
  const [first = 0, second = 0] = world.steps("lamp/hall").map(({ cause }) => cause.offset);
  world.logs.truncate("events", partition, first + 1);
  const deleted = ["motion", { noPayload: "deleted" }];
  const third = ["motion", { payload: { lux: 3 } }];
  expect(await payloads(world)).toEqual([third, ["motion", { payload: { lux: 2 } }], deleted]);

  const { log } = world.process;
  const bounds = log.bounds.bind(log);
  log.bounds = async (topic, of) => {
    const found = await bounds(topic, of);
    if (topic === "events") world.logs.truncate("events", partition, second + 1);
    return found;
  };
  const raced = (await payloads(world)) as [string, unknown][];
  expect(raced.slice(1)).toEqual([deleted, deleted]);
});

test("it is read in one pass, and not for longer than a second", async () => {
  const world = await simulate({ flows: [flow] });
  await world.publish("lamp/hall/motion", { lux: 1 });
  // Far apart: two reads of the log, the newer first.
  const partition = partitionOfHall(world);
  for (let i = 0; i < 300; i++)
    world.logs.write("events", partition, [{ key: null, header: "{}", value: null }]);
  await world.publish("lamp/hall/motion", { lux: 2 });
  await world.publish("lamp/hall/motion", { lux: 3 });
  const { log } = world.process;
  const read = log.read.bind(log);
  let reads = 0;
  log.read = (topic, ...range) => {
    if (topic === "events") reads += 1;
    return read(topic, ...range);
  };
  expect(await payloads(world)).toEqual([
    ["motion", { payload: { lux: 3 } }],
    ["motion", { payload: { lux: 2 } }],
    ["motion", { payload: { lux: 1 } }],
  ]);
  expect(reads).toBe(2);

  // Time goes by with each look at the clock.
  let nowMs = 0;
  const clock = {
    wallMs: () => world.clock.wallMs(),
    monotonicMs: () => (nowMs += 600),
    after: world.clock.after.bind(world.clock),
    random: () => 0,
  };
  const store = new MemoryStateStore(world.states);
  expect(await payloads(world, new History({ log, store, clock }))).toEqual([
    ["motion", { payload: { lux: 3 } }],
    ["motion", { payload: { lux: 2 } }],
    ["motion", { noPayload: "not-read" }],
  ]);
});

import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { loadFlow } from "@millrace/shared/flow/load";
import { type Clock, sleep } from "@millrace/shared/ports/clock";
import { Process, simulate } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const version = (n: number) => `
flow: lamp
description: version ${n}
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
machine:
  context: { n: 0, v: ${n} }
  on:
    a: { actions: { assign: { n: "context.n + 1" } } }
`;

/** Lets logs follow the registry half a second late. */
function followLate(clock: () => Clock): Set<unknown> {
  const slow = new Set<unknown>();
  const { follow } = MemoryLog.prototype;
  vi.spyOn(MemoryLog.prototype, "follow").mockImplementation(function (
    this: MemoryLog,
    topic,
    partition,
    from,
    take,
  ) {
    return follow.call(this, topic, partition, from, (records) => {
      if (slow.has(this)) clock().after(500, () => take(records));
      else take(records);
    });
  });
  return slow;
}

test("an event that meets a version which this process reads a moment later", async () => {
  const slow = followLate(() => world.clock);
  const world = await simulate({ flows: [version(1)], partitions: 1 });
  const first = world.process;
  const second = new Process(world);
  await second.start();
  await world.advance(100);
  slow.add(second.log);
  await world.publishFlow(version(2)); // by the first, which knows it now
  await world.publish("lamp/l1/a", {});
  await world.advance(100);
  expect(world.history("lamp/l1")).toHaveLength(1);
  void first.engine.stop(); // its partition goes to the second
  await world.advance(100);
  await world.publish("lamp/l1/a", {});
  await world.publish("lamp/l2/a", {});
  await world.advance(5_000);
  expect(world.instance("lamp/l1").context).toEqual({ n: 2, v: 2 });
});

test("an instance is moved to a version which its owner reads a moment later", async () => {
  const slow = followLate(() => world.clock);
  const world = await simulate({ flows: [version(1)], partitions: 1 });
  await world.publish("lamp/l1/a", {});
  const gateway = new Process(world);
  await gateway.registry.start();
  slow.add(world.process.log);
  const { flow } = loadFlow(version(2), "flow.yaml");
  if (flow === undefined) throw new Error("no flow");
  const { ns, name, version: to, file } = flow;
  const record = { v: 1, kind: "flow", ns, name, version: to, file, origin: "test" } as const;
  await gateway.registry.publish(record as never);
  await world.operate("lamp/l1", "migrate", { payload: { to } });
  await world.advance(5_000);
  expect(world.rejections()).toEqual([]);
  expect(world.instance("lamp/l1")).toMatchObject({ version: to, seq: 2 });
});

test("an event of a new instance, while its load is under way and the flow is published anew", async () => {
  const world = await simulate({ flows: [version(1)], partitions: 1 });
  const { load } = MemoryStateStore.prototype;
  vi.spyOn(MemoryStateStore.prototype, "load").mockImplementation(async function (
    this: MemoryStateStore,
    ...args
  ) {
    await sleep(world.clock, 2); // a round trip to the store
    return await load.apply(this, args);
  });
  await world.publish("lamp/l1/a", {}); // its PUBACK is out; the load is under way
  await world.publishFlow(version(2));
  await world.advance(5_000);
  expect(world.steps("lamp/l1")).toHaveLength(1);
});

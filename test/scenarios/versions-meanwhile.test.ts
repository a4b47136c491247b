import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { sleep } from "@millrace/shared/ports/clock";
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

test("an event that meets a version which this process reads a moment later", async () => {
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
      if (slow.has(this)) world.clock.after(500, () => take(records));
      else take(records);
    });
  });
  const world = await simulate({ flows: [version(1)], partitions: 1 });
  const first = world.process;
  const second = new Process(world); // a second engine, which follows the registry half a second late
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

import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { sleep } from "@millrace/shared/ports/clock";
import { newDispatcher } from "../support/dispatched-world.ts";
import { Devices } from "../support/devices.ts";
import { lampFlow } from "../support/lamp.ts";
import { simulate } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

test("a partition leaves a dispatcher and comes back while its bookmark is read: opened once, nothing lost", async () => {
  const world = await simulate({ flows: [lampFlow("a")], partitions: 2 });
  const devices = new Devices();
  const lamps = ["l1", "l2", "l3", "l4", "l5"];
  for (const lamp of lamps) await world.publish(`lamp/${lamp}/a`, {});
  await world.advance(200);

  let calls = 0;
  const { bookmarked } = MemoryLog.prototype;
  vi.spyOn(MemoryLog.prototype, "bookmarked").mockImplementation(async function (
    this: MemoryLog,
    ...of
  ) {
    calls += 1;
    await sleep(world.clock, calls <= 2 ? 100 : 300); // a coordinator that is slow during a rebalance
    return await bookmarked.call(this, ...of);
  });
  const log = new MemoryLog(world.logs);
  const first = newDispatcher(world, devices, log);
  await first.start();
  await world.advance(10);
  const second = newDispatcher(world, devices);
  await second.start();
  await world.advance(10);
  await second.stop();
  await world.advance(1_030);
  first.kill();
  await log.close();
  await world.advance(10);
  await newDispatcher(world, devices).start();
  await world.advance(5_000);
  devices.become("online");
  await world.advance(60_000);
  const topics = devices.received.map(({ topic }) => topic);
  expect(topics.sort()).toEqual(lamps.map((lamp) => `lamp/${lamp}/ca`));
});

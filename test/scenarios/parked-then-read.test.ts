import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import type { Clock } from "@millrace/shared/ports/clock";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";

/**
 * A dispatcher finds in the store what an earlier one had put aside, and reads older records of the same
 * instance after that: the journal's records are 20 ms on their way here, and the store answers at once.
 */
function slowJournal(): { clock?: Clock } {
  const by: { clock?: Clock } = {};
  const { subscribe } = MemoryLog.prototype;
  vi.spyOn(MemoryLog.prototype, "subscribe").mockImplementation(function (
    this: MemoryLog,
    topic,
    group,
    events,
  ) {
    if (topic !== "journal") return subscribe.call(this, topic, group, events);
    return subscribe.call(this, topic, group, {
      ...events,
      records: (partition, records) => {
        const hand = () => events.records(partition, records);
        if (by.clock === undefined) hand();
        else by.clock.after(20, hand);
      },
    });
  });
  return by;
}

afterEach(() => vi.restoreAllMocks());

test.each(["stops", "dies"])(
  "one command is put aside, one is not, and the dispatcher %s",
  async (how) => {
    const slow = slowJournal();
    const dispatched = await DispatchedWorld.open({ flows: [lampFlow("ab")] });
    const { world } = dispatched;
    slow.clock = world.clock;
    await world.advance(100);
    await world.publish("lamp/l1/a", {});
    await world.advance(500);
    await world.publish("lamp/l1/b", {});
    await world.advance(700);
    if (how === "stops") await dispatched.dispatcher.stop();
    await dispatched.crash();
    await world.advance(10_000);
    dispatched.devices.become("online");
    await world.advance(60_000);
    const topics = dispatched.devices.received.map(({ topic }) => topic);
    expect(topics.sort()).toEqual(["lamp/l1/ca", "lamp/l1/cb"]);
  },
);

test("one that a dead dispatcher had put aside is delivered by the next, and owed no more", async () => {
  const dispatched = await DispatchedWorld.open({ flows: [lampFlow("a")] });
  const { world, devices } = dispatched;
  await world.advance(950);
  await world.publish("lamp/l1/a", {});
  // The step that puts it aside is written, and the bookmark has not passed the command's own step.
  await world.advance(1_010);
  expect(Object.keys(world.instance("lamp/l1").owed ?? {})).toEqual(["0/1/0"]);
  await dispatched.crash();
  devices.become("online");
  await world.advance(60_000);
  expect(world.instance("lamp/l1").owed).toBeUndefined();
  await dispatched.crash();
  await world.advance(60_000);
  expect(devices.received).toHaveLength(1);
});

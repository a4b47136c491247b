import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { type Clock, sleep } from "@millrace/shared/ports/clock";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";

/** What a dispatcher does while servers are late. */

afterEach(() => vi.restoreAllMocks());

/** Bookmarks take effect late, the first ones later than the next. @returns how many were under way at once */
function lateBookmarks(): { clock?: Clock; atOnceMax: number } {
  const seen: { clock?: Clock; atOnceMax: number } = { atOnceMax: 0 };
  let underWay = 0;
  let lateMs = 3_000;
  const { subscribe } = MemoryLog.prototype;
  vi.spyOn(MemoryLog.prototype, "subscribe").mockImplementation(async function (
    this: MemoryLog,
    ...of
  ) {
    const subscription = await subscribe.call(this, ...of);
    if (of[0] !== "journal") return subscription;
    const bookmark = subscription.bookmark.bind(subscription);
    subscription.bookmark = async (...mark) => {
      underWay += 1;
      seen.atOnceMax = Math.max(seen.atOnceMax, underWay);
      lateMs -= 500;
      if (seen.clock !== undefined) await sleep(seen.clock, Math.max(0, lateMs));
      await bookmark(...mark);
      underWay -= 1;
    };
    return subscription;
  });
  return seen;
}

test("a bookmark that is late does not take the next one back", async () => {
  const seen = lateBookmarks();
  const { world, devices } = await DispatchedWorld.open({ flows: [lampFlow("a")], partitions: 1 });
  seen.clock = world.clock;
  devices.become("online");
  for (let n = 0; n < 10; n++) {
    await world.publish("lamp/l1/a", { n });
    await world.advance(400);
  }
  await world.advance(20_000);
  expect(seen.atOnceMax).toBe(1);
  const { end } = world.logs.bounds("journal", 0);
  expect(world.logs.loadBookmark("dispatch", 0)?.offset).toBe(end);
});

test("what is put aside is not taken from a store that holds a part of it", async () => {
  const dispatched = await DispatchedWorld.open({ flows: [lampFlow("a")], partitions: 1 });
  const { world, devices } = dispatched;
  await world.publish("lamp/l1/a", {});
  await world.advance(5_000);
  dispatched.dispatcher.kill();
  world.crash();
  const fold = world.states.partition(0);
  const whole = { ...fold, instances: new Map(fold.instances) };
  expect(whole.instances.size).toBe(1);
  fold.instances.clear();
  fold.until = fold.journal.offset + 1;
  await dispatched.startDispatcher();
  await world.advance(5_000);
  Object.assign(fold, whole);
  devices.become("online");
  await world.advance(20_000);
  expect(devices.received.map(({ topic }) => topic)).toEqual(["lamp/l1/ca"]);
});

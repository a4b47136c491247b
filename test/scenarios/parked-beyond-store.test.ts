import { expect, test } from "vitest";
import { DispatchedWorld, newDispatcher } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";

/**
 * A dispatcher takes over what another had put aside, before the store has heard of it: a slow Redis, or
 * one that was just flushed.
 */
test.each([50, 3_000])(
  "commands that were put aside are handed over by the next dispatcher, the store %d ms behind",
  async (commitMs) => {
    const dispatched = await DispatchedWorld.open({
      flows: [lampFlow("a")],
      partitions: 1,
      engine: { commitMs },
    });
    const { world, devices } = dispatched;
    await world.advance(5_000);
    await world.publish("lamp/l1/a", {});
    await world.advance(200);
    await world.publish("lamp/l2/a", {}); // holds the bookmark back while l1's is put aside
    await world.advance(2_795);
    await world.publish("lamp/l3/a", {});
    await world.advance(300);
    await world.publish("lamp/l4/a", {});
    await world.advance(800); // l3's is put aside, l4's not yet
    await dispatched.dispatcher.stop();

    await newDispatcher(world, devices).start();
    await world.advance(10_000);
    devices.become("online");
    await world.advance(60_000);
    expect(devices.received.map(({ topic }) => topic).sort()).toEqual([
      "lamp/l1/ca",
      "lamp/l2/ca",
      "lamp/l3/ca",
      "lamp/l4/ca",
    ]);
  },
);

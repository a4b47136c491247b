import { expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";

const flow = lampFlow("a", { command: ", supersede: false", payload: '"${event.n}"' });

test.each([
  { crash: false, comesBack: "after" },
  { crash: true, comesBack: "after" },
  { crash: true, comesBack: "before" },
])(
  "commands that were put aside come in their order: crash $crash, the device back $comesBack it",
  async ({ crash, comesBack }) => {
    const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
    const { world, devices } = dispatched;
    for (const n of [1, 2, 3, 4]) await world.publish("lamp/l1/a", { n });
    await world.advance(3_000);
    if (comesBack === "before") {
      dispatched.dispatcher.kill();
      devices.become("online");
    }
    if (crash) await dispatched.crash();
    if (comesBack === "after") devices.become("online");
    await world.advance(10_000);
    expect(devices.received.map(({ payload }) => payload.toString())).toEqual(["1", "2", "3", "4"]);
  },
);

import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { afterEach, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { settle } from "../support/sim-clock.ts";
import { lampFlow } from "../support/lamp.ts";

const flow = lampFlow("a", { payload: '"${event.n}"' });

afterEach(() => vi.restoreAllMocks());

test("a command that is put aside after a newer one was read is told to be replaced, and owed no more", async () => {
  const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
  const { world, devices } = dispatched;
  devices.become("online");
  await world.publish("lamp/l1/a", { n: 1 });
  await world.advance(1_500); // it is delivered, and the bookmark is behind it
  const [older] = world.steps("lamp/l1").at(-1)?.effects ?? [];
  dispatched.dispatcher.kill();
  devices.become("offline");
  await world.publish("lamp/l1/a", { n: 2 });
  // What a dispatcher before those two had asked for comes only now.
  const { events } = world.process;
  const effect = "default/lamp/l1/0/1/0";
  const header = { v: 1, kind: "parked", ns: "default", flow: "lamp", key: "l1", effect };
  await events.write(0, {
    key: "default/l1",
    header: JSON.stringify({ ...header, ...events.stamp() }),
    value: JSON.stringify(older),
  });
  await settle();
  expect(world.instance("lamp/l1").owed).toMatchObject({ "0/1/0": { name: "ca" } });
  const away = new Error("the store cannot be reached");
  vi.spyOn(MemoryStateStore.prototype, "parked").mockRejectedValueOnce(away);
  await dispatched.crash();
  await world.advance(500);
  expect(world.instance("lamp/l1").owed).toBeUndefined();
  devices.become("online");
  await world.advance(10_000);
  expect(devices.received.map(({ payload }) => payload.toString())).toEqual(["1", "2"]);
});

import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { afterEach, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { settle } from "../support/sim-clock.ts";
import { lampFlow } from "../support/lamp.ts";

const flow = lampFlow("a", { payload: '"${event.n}"' });

afterEach(() => vi.restoreAllMocks());

/** What a dispatcher of before had asked for comes only now. */
async function parkLate({ world }: DispatchedWorld, command: object | undefined): Promise<void> {
  const { events } = world.process;
  const effect = "default/lamp/l1/0/1/0";
  const header = { v: 1, kind: "parked", ns: "default", flow: "lamp", key: "l1", effect };
  await events.write(0, {
    key: "default/l1",
    header: JSON.stringify({ ...header, ...events.stamp() }),
    value: JSON.stringify(command),
  });
  await settle();
}

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
  await parkLate(dispatched, older);
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

test("a command that is put aside after its refusal was taken is refused again, and owed no more", async () => {
  const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
  const { world, devices } = dispatched;
  devices.become("refuses 135");
  await world.publish("lamp/l1/a", { n: 1 });
  await world.advance(1_500);
  expect(world.rejections().map(({ code }) => code)).toEqual(["effect-failed"]);
  const [command] = world.steps("lamp/l1").at(-1)?.effects ?? [];
  await parkLate(dispatched, command);
  await world.advance(5_000);
  expect(world.steps("lamp/l1").map(({ cause: { type } }) => type)).toEqual([
    "a",
    "parked",
    "refused.ca",
  ]);
  expect(world.instance("lamp/l1").owed).toBeUndefined();
  expect(world.rejections()).toHaveLength(1);
});

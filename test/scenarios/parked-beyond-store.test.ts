import { expect, test } from "vitest";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { DispatchedWorld } from "../support/dispatched-world.ts";

const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca" }
machine:
  on:
    a: { actions: { command: ca, payload: 1 } }
`;

/** commitMs: how far the store is behind when the dispatcher changes hands (a slow, or just flushed, Redis). */
test.each([[50], [3_000]])("the store is up to %d ms behind", async (commitMs) => {
  const dispatched = await DispatchedWorld.open({
    flows: [flow],
    partitions: 1,
    engine: { commitMs },
  });
  const { world, devices } = dispatched;
  await world.advance(5_000);
  await world.publish("lamp/l1/a", {});
  await world.advance(200);
  await world.publish("lamp/l2/a", {}); // holds the bookmark back when l1's is put aside
  await world.advance(3_000 - 200 - 5); // both are... l1 at 1000, l2 at 1200
  // a third, to hold the bookmark
  await world.publish("lamp/l3/a", {});
  await world.advance(300);
  await world.publish("lamp/l4/a", {});
  await world.advance(800); // l3 is put aside, l4 not yet
  await dispatched.dispatcher.stop();
  const next = new Dispatcher({
    log: world.process.log,
    store: new MemoryStateStore(world.states),
    clock: world.clock,
    events: world.process.events,
    gateways: devices,
    onLine: (l, m, f) => world.lines.push(`${l} ${m} ${JSON.stringify(f)}`),
  });
  await next.start();
  await world.advance(10_000);
  devices.become("online");
  await world.advance(60_000);
  expect(devices.received.map((m) => m.topic).sort()).toEqual([
    "lamp/l1/ca",
    "lamp/l2/ca",
    "lamp/l3/ca",
    "lamp/l4/ca",
  ]);
});

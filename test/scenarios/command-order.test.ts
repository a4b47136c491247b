import { expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca", supersede: false }
machine:
  on:
    a: { actions: { command: ca, payload: "\${event.n}" } }
`;
test.each([
  [false, false],
  [true, false],
  [true, true],
])("order: crash %s, online before the restart %s", async (crash, before) => {
  const d = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
  for (const n of [1, 2, 3, 4]) await d.world.publish("lamp/l1/a", { n });
  await d.world.advance(3_000);
  if (before) {
    d.dispatcher.kill();
    d.devices.become("online");
  }
  if (crash) await d.crash();
  if (!before) d.devices.become("online");
  await d.world.advance(10_000);
  expect(d.devices.received.map((m) => m.payload.toString())).toEqual(["1", "2", "3", "4"]);
});

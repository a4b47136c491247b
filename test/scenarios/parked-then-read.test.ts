import { expect, test } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { DispatchedWorld } from "../support/dispatched-world.ts";

/**
 * A dispatcher goes on with what an earlier one had put aside, and reads older records of the instance
 * after that: a broker's fetch takes 20 ms here, and the store answers at once.
 */
let clock: { after(ms: number, call: () => void): unknown };
const original = MemoryLog.prototype.subscribe;
MemoryLog.prototype.subscribe = function (topic, group, events) {
  if (topic !== "journal") return original.call(this, topic, group, events);
  return original.call(this, topic, group, {
    ...events,
    records: (p, r) => void clock.after(20, () => events.records(p, r)),
  });
};

const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
  b: { topic: lamp/+/b, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca" }
  cb: { topic: "lamp/\${thing.name}/cb" }
machine:
  on:
    a: { actions: { command: ca, payload: 1 } }
    b: { actions: { command: cb, payload: 2 } }
`;

async function run(how: "kill" | "stop") {
  const dispatched = await DispatchedWorld.open({ flows: [flow] });
  const { world, devices } = dispatched;
  clock = world.clock;
  await world.advance(100);
  await world.publish("lamp/l1/a", {});
  await world.advance(500);
  await world.publish("lamp/l1/b", {});
  await world.advance(700); // ca is put aside by now, cb not yet
  if (how === "stop") await dispatched.dispatcher.stop();
  await dispatched.crash();
  await world.advance(10_000);
  devices.become("online");
  await world.advance(60_000);
  return devices.received.map((m) => m.topic).sort();
}

test("graceful stop of the dispatcher", async () => {
  clock = { after: (_: number, f: () => void) => f() };
  expect(await run("stop")).toEqual(["lamp/l1/ca", "lamp/l1/cb"]);
});
test("kill", async () => {
  clock = { after: (_: number, f: () => void) => f() };
  expect(await run("kill")).toEqual(["lamp/l1/ca", "lamp/l1/cb"]);
});

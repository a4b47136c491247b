import { expect, test } from "vitest";
import { Process, simulate } from "../support/world.ts";
const flow = `
flow: lamp
inputs: { a: { topic: lamp/+/a, thing: "\${topic[1]}" } }
machine:
  context: { n: 0 }
  on: { a: { actions: { assign: { n: "context.n + 1" } } } }
`;

test("a partition goes to another engine and comes back while an append is not answered: nothing lost or doubled", async () => {
  const world = await simulate({ flows: [flow], partitions: 2 });
  const lamps = ["l1", "l2", "l3", "l4"];
  for (const lamp of lamps) await world.publish(`lamp/${lamp}/a`, {});
  await world.advance(2_000);
  world.logs.faults = { append: (topic) => (topic === "journal" ? "unanswered" : "done") }; // a broker that hangs
  for (const lamp of lamps) void world.publish(`lamp/${lamp}/a`, {});
  await world.advance(10);
  world.logs.faults = { append: () => "done" };
  const other = new Process(world);
  await other.start(); // takes one of the two
  await world.advance(50);
  void other.engine.stop(); // and gives it back
  await world.advance(60_000);
  for (const lamp of lamps) await world.publish(`lamp/${lamp}/a`, {});
  await world.advance(60_000);
  expect(lamps.map((lamp) => world.instance(`lamp/${lamp}`).context["n"])).toEqual([3, 3, 3, 3]);
});

test("an engine that its group does not answer claims nothing: the partition may be another's by now", async () => {
  const world = await simulate({ flows: [flow], partitions: 1 });
  await world.process.engine.stop();
  const cutOff = new Process(world);
  let answers = true;
  const subscribe = cutOff.log.subscribe.bind(cutOff.log);
  cutOff.log.subscribe = async (...of) => {
    const subscription = await subscribe(...of);
    const confirm = subscription.confirm.bind(subscription);
    const silent = (): Promise<boolean> => Promise.reject(new Error("no heartbeat was answered"));
    subscription.confirm = (partition) => (answers ? confirm(partition) : silent());
    return subscription;
  };
  await cutOff.start();
  await world.publish("lamp/l1/a", {});
  await world.advance(100);
  expect(cutOff.engine.counters.claims).toBe(1);
  answers = false;
  world.logs.faults = { append: (topic) => (topic === "journal" ? "lost" : "done") };
  void world.publish("lamp/l1/a", {});
  await world.advance(100);
  world.logs.faults = { append: () => "done" };
  await world.advance(60_000);
  expect(cutOff.engine.counters.claims).toBe(1);
  answers = true;
  await world.advance(2_000);
  expect(cutOff.engine.counters.claims).toBe(2);
  expect(world.instance("lamp/l1").context["n"]).toBe(2);
});

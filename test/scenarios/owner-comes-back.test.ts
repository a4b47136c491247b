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

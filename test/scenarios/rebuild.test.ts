import { rebuild, type RebuildProgress, refuseWhileRebuilt } from "@millrace/engine/query/rebuild";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

const flow = `
flow: lamp
inputs: { a: { topic: lamp/+/a, thing: "\${topic[1]}" } }
machine:
  context: { n: 0 }
  on: { a: { actions: { assign: { n: "context.n + 1" } } } }
`;

async function opened(lamps: number): Promise<World> {
  const world = await simulate({ flows: [flow], partitions: 1, engine: { commitMs: 20 } });
  for (let i = 0; i < lamps; i++) await world.publish(`lamp/l${i}/a`, {});
  await world.advance(200);
  return world;
}

function parts(world: World, log = new MemoryLog(world.logs)) {
  const store = new MemoryStateStore(world.states);
  return { log, store, clock: world.clock, worker: "r" };
}

function instances(world: World): [string, string][] {
  const { instances: rows } = world.states.partition(0);
  return Array.from(rows, ([id, { json }]): [string, string] => [id, json]).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
}

test("a store that holds what it should not is made anew, and nothing of it is left", async () => {
  const world = await opened(20);
  const before = instances(world);
  world.crash();
  const { instances: rows } = world.states.partition(0);
  const [id] = before[0] ?? [""];
  const row = rows.get(id as never);
  if (row === undefined) throw new Error("no such instance");
  rows.set("default/lamp/ghost" as never, row);
  rows.set(id as never, { ...row, json: "{}" });
  const told: RebuildProgress[] = [];
  await rebuild(parts(world), 0, false, (progress) => told.push(progress));
  expect(instances(world)).toEqual(before);
  expect(told.at(-1)?.at).toBe(told.at(-1)?.to);
  await world.recover();
  await world.publish("lamp/l1/a", {});
  expect(world.instance("lamp/l1").context["n"]).toBe(2);
});

test("one that is killed half-way is a part, says so, and the next goes on from there", async () => {
  const world = await opened(12_000);
  const before = instances(world);
  world.crash();
  const killed = parts(world);
  await expect(
    rebuild(killed, 0, false, ({ at }) => {
      if (at > 5_500) throw new Error("killed");
    }),
  ).rejects.toThrow("killed");
  const held = (await killed.store.position(0))?.journal.offset ?? 0;
  expect(held).toBeGreaterThan(5_000);
  await expect(refuseWhileRebuilt(killed, [0])).rejects.toThrow(
    /STATE-005 .*partition 0 is at \d+ of/,
  );
  const told: RebuildProgress[] = [];
  await rebuild(parts(world), 0, false, (progress) => told.push(progress));
  expect(told[0]?.from).toBe(held);
  expect(instances(world)).toEqual(before);
  await refuseWhileRebuilt(killed, [0]);
}, 60_000);

test("under an engine at work, that one goes on with it, and nothing is lost or doubled", async () => {
  const world = await opened(20);
  const rebuilding = rebuild(parts(world), 0, false, () => {});
  for (let i = 0; i < 20; i++) void world.publish(`lamp/l${i}/a`, {});
  await world.advance(20_000);
  await rebuilding;
  for (let i = 0; i < 20; i++) expect(world.instance(`lamp/l${i}`).context["n"]).toBe(2);
  const folded = world.counting().flatMap(({ kind, body }) => (kind === "step" ? [body] : []));
  expect(folded).toHaveLength(40);
  for (const [id, json] of instances(world))
    expect([id, JSON.parse(json)]).toMatchObject([id, { seq: 2 }]);
  await refuseWhileRebuilt(parts(world), [0]);
});

import { operationsOf } from "@millrace/cli/compose/operations";
import { startApi } from "@millrace/gateway/api/server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { Bug } from "@millrace/shared/errors/assert";
import { expect, onTestFinished, test, vi } from "vitest";
import { simulate, type World } from "../support/world.ts";

/** A bug of ours stops the partition that meets it, loudly; the others go on. */

const flow = `
flow: lamp
inputs: { a: { topic: lamp/+/a, thing: "\${topic[1]}" } }
commands: { c: { topic: "lamp/\${thing.name}/c" } }
machine: { context: { n: 0 }, on: { a: { actions: { command: c } } } }
`;

/** Where the bug is: it has to be put there, for there is none that a test knows of. */
const evolving = vi.hoisted(() => ({ isBroken: false }));
vi.mock("@millrace/shared/core/evolve/evolve", async (original) => {
  const real = await original<typeof import("@millrace/shared/core/evolve/evolve")>();
  const evolve: typeof real.evolve = (instance, kind, record) => {
    const after = real.evolve(instance, kind, record);
    if (evolving.isBroken && after?.key === "bad") throw new Bug("broken rule: evolve");
    return after;
  };
  return { ...real, evolve };
});

const PARTITIONS = 2;
const badPartition = partitionOf(logKey("default", "bad"), PARTITIONS);
/** A lamp of the other partition. */
const good = ["l1", "l2", "l3"].find(
  (name) => partitionOf(logKey("default", name), PARTITIONS) !== badPartition,
) as string;

/** @returns the status of `/readyz`, and its reasons */
async function readiness(world: World): Promise<readonly [number, unknown]> {
  const { log, catalogue, registry, events, engine } = world.process;
  const store = new MemoryStateStore(world.states);
  const parts = { clock: world.clock, log, store, catalogue, registry, events };
  const api = await startApi({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    operations: operationsOf(parts as never, { engine }),
    metrics: async () => "",
    onFault: () => undefined,
  });
  onTestFinished(() => api.close());
  const response = await fetch(`http://127.0.0.1:${api.port}/readyz`);
  return [response.status, ((await response.json()) as { reasons: unknown }).reasons];
}

async function expectOneStopped(world: World, rule: string): Promise<void> {
  const stopped = world.lines.filter((line) => line.includes("partition stopped"));
  expect(stopped).toHaveLength(1);
  expect(stopped[0]).toContain(`"partition":${badPartition}`);
  expect(stopped[0]).toContain(rule);
  expect(stopped[0]).toMatch(/"stack":"Bug: .*\\n +at /);
  expect(await readiness(world)).toEqual([503, ["1 partitions have stopped"]]);
}

const stepsOf = (world: World, lamp: string): number => world.steps(`lamp/${lamp}`).length;

test("in what decides: nothing of it is written, and nothing after it in its partition", async () => {
  const world = await simulate({
    flows: [flow],
    partitions: PARTITIONS,
    authorize: (_principal, _action, resource) => {
      if (resource.includes("lamp/bad/")) throw new Bug("broken rule: decide");
      return { allow: true, by: "test" };
    },
  });
  await world.publish(`lamp/${good}/a`, {});
  expect(await readiness(world)).toEqual([200, []]);
  await world.publish("lamp/bad/a", {});
  await world.advance(5_000);
  await world.publish(`lamp/${good}/a`, {});
  await world.advance(5_000);
  expect([stepsOf(world, "bad"), stepsOf(world, good)]).toEqual([0, 2]);
  await expectOneStopped(world, "broken rule: decide");
});

test("in what folds: the state that was is not made up", async () => {
  const world = await simulate({ flows: [flow], partitions: PARTITIONS });
  for (const lamp of ["bad", good]) await world.publish(`lamp/${lamp}/a`, {});
  await world.advance(5_000);
  world.states.wipe();
  evolving.isBroken = true;
  onTestFinished(() => {
    evolving.isBroken = false;
  });
  await world.crashAndRecover();
  await world.advance(5_000);
  for (const lamp of ["bad", good]) await world.publish(`lamp/${lamp}/a`, {});
  await world.advance(5_000);
  expect([stepsOf(world, "bad"), stepsOf(world, good)]).toEqual([1, 2]);
  await expectOneStopped(world, "broken rule: evolve");
});

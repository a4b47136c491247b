import { rebuild } from "@millrace/engine/query/rebuild";
import { OwnershipLost } from "@millrace/engine/runtime/journal-writer";
import { catchUp, takeOver } from "@millrace/engine/runtime/takeover";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { parseJournalHeader } from "@millrace/shared/contract/journal-record";
import type { Topic } from "@millrace/shared/ports/event-log";
import { describe, expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

/**
 * Schedules that the simulation meets once in thousands of seeds: others go on while a claim is made.
 *
 * Attacks: F2 of retention.ts.
 */

const flow = `
flow: lamp
inputs: { a: { topic: lamp/+/a, thing: "\${topic[1]}" } }
machine:
  context: { n: 0 }
  on: { a: { actions: { assign: { n: "context.n + 1" } } } }
`;

/** A world with a floor in its journal, of which nothing is cut, and a store set back to before it. */
async function setBack(): Promise<{ world: World; floor: number; before: string[] }> {
  const engine = {
    commitMs: 20,
    retentionCheckMs: 50,
    checkpointRecordsMin: 12,
    checkpointRatio: 2,
  };
  const world = await simulate({ flows: [flow], partitions: 1, engine });
  for (let n = 0; n < 3; n++) await world.publish(`lamp/l${n}/a`, {});
  await world.advance(200);
  const restore = world.states.backup();
  for (let n = 0; n < 60; n++) {
    await world.publish(`lamp/l${n % 3}/a`, {});
    await world.advance(40);
  }
  await world.advance(1_000);
  world.crash();
  const before = instances(world);
  restore();
  const named = world.logs
    .all("journal", 0)
    .map(({ header }) => parseJournalHeader(header)?.pos?.floor);
  return { world, floor: named.findLast((one) => one !== undefined) ?? -1, before };
}

function instances(world: World): string[] {
  return Array.from(world.states.partition(0).instances.values(), ({ json }) => json).sort();
}

/** The journal is cut just before it is read for the second time: the first time, for what stands at its end. */
class CutLog extends MemoryLog {
  readonly #cut: () => void;
  #reads = 0;

  constructor(world: World, floor: number) {
    super(world.logs);
    this.#cut = () => world.logs.truncate("journal", 0, floor);
  }

  override read(topic: Topic, partition: number, from: number, to: number) {
    this.#reads += 1;
    if (this.#reads === 2) this.#cut();
    return super.read(topic, partition, from, to);
  }
}

describe("a journal that is cut while it is folded", () => {
  test.each(["set back", "wiped"])("is claimed anew, the store being %s", async (how) => {
    const { world, floor, before } = await setBack();
    if (how === "wiped") world.states.wipe();
    const store = new MemoryStateStore(world.states);
    const parts = { log: new CutLog(world, floor), store, worker: "w" };
    const claim = async () => catchUp(parts, 0, await takeOver(parts, 0));
    await expect(claim()).rejects.toThrow(OwnershipLost);
    expect(world.logs.bounds("journal", 0).start).toBe(floor);
    await claim();
    expect(instances(world)).toEqual(before);
  });

  test("is rebuilt from its floor", async () => {
    const { world, floor, before } = await setBack();
    const store = new MemoryStateStore(world.states);
    const parts = { log: new CutLog(world, floor), store, worker: "w", clock: world.clock };
    await rebuild(parts, 0, true, () => {});
    expect(world.logs.bounds("journal", 0).start).toBe(floor);
    expect(instances(world)).toEqual(before);
  });
});

test("a claim that a newer one overtakes, which has brought a wiped store further, is lost", async () => {
  const { world, before } = await setBack();
  const log = new MemoryLog(world.logs);
  const store = new MemoryStateStore(world.states);
  /** The newer one claims and folds while the older one's claim is on its way to the store. */
  class Overtaken extends MemoryStateStore {
    override async claim(...of: Parameters<MemoryStateStore["claim"]>) {
      const newer = { log, store: new MemoryStateStore(world.states), worker: "newer" };
      const claimed = await takeOver(newer, 0, true);
      world.states.partition(0).epoch = -1; // it was wiped since, and knows of no claim
      await catchUp(newer, 0, claimed);
      return await super.claim(...of);
    }
  }
  const older = { log, store: new Overtaken(world.states), worker: "older" };
  await expect(takeOver(older, 0)).rejects.toThrow(OwnershipLost);
  expect(instances(world)).toEqual(before);
  expect((await store.position(0))?.until).toBeUndefined();
});

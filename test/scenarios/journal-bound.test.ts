import { afterEach, expect, test, vi } from "vitest";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import type { Checkpoint } from "@millrace/shared/contract/journal-record";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import type { World } from "../support/world.ts";

/**
 * What becomes of a journal that reaches its bound in bytes long before its records are old.
 *
 * Attacks: F2 of retention.ts.
 */

const BOUND_BYTES = 60_000;

const hasty: Partial<EngineOptions> = {
  commitMs: 20,
  retentionCheckMs: 50,
  checkpointRecordsMin: 12,
  checkpointRatio: 2,
  cutMs: 50,
};
const bounded: Partial<EngineOptions> = { ...hasty, journalBytesMax: BOUND_BYTES };

const lamp = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca" }
machine:
  on: { a: { actions: { command: ca, payload: "\${event.n}" } } }
`;

async function open(engine: Partial<EngineOptions>): Promise<DispatchedWorld> {
  const dispatched = await DispatchedWorld.open({ flows: [lamp], engine, partitions: 1 });
  dispatched.devices.become("online");
  return dispatched;
}

let published = 0;

async function busy(world: World, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    published += 1;
    await world.publish(`lamp/l${published % 3}/a`, { n: published, fill: "x".repeat(200) });
    await world.advance(40);
  }
}

/** What the log still holds of the journal. */
function journalBytes({ logs }: World): number {
  const { start } = logs.bounds("journal", 0);
  const kept = logs.all("journal", 0).filter(({ offset }) => offset >= start);
  return kept.reduce(
    (sum, { header, value }) => sum + (header?.length ?? 0) + (value?.length ?? 0),
    0,
  );
}

function start({ logs }: World): number {
  return logs.bounds("journal", 0).start;
}

function linesWith({ lines }: World, text: string): readonly string[] {
  return lines.filter((line) => line.includes(text));
}

const NEAR = "comes near its bound";

afterEach(() => vi.restoreAllMocks());

/** @returns what the journal was cut at, and the newest floor of that moment that was dispatched */
function cutsOf(world: World): { at: number; newest: number | undefined }[] {
  const cuts: { at: number; newest: number | undefined }[] = [];
  const { truncate } = MemoryLog.prototype;
  vi.spyOn(MemoryLog.prototype, "truncate").mockImplementation(function (
    this: MemoryLog,
    topic,
    partition,
    at,
  ) {
    if (topic === "journal") {
      const floors = world.counting().filter(({ kind }) => kind === "checkpoint");
      const present = floors.at(-1)?.body as Checkpoint | undefined;
      const dispatched = present?.dispatched?.offset ?? 0;
      const newest = floors.findLast(({ offset }) => offset <= dispatched)?.offset;
      cuts.push({ at, newest });
    }
    return truncate.call(this, topic, partition, at);
  });
  return cuts;
}

test("a journal beyond its bound is cut at the newest floor that is dispatched, whatever its age", async () => {
  const { world } = await open(bounded);
  const cuts = cutsOf(world);
  await busy(world, 400);
  // While it is small only floors far apart are listed: the first one is the only one then.
  const [, ...later] = cuts;
  expect(later.length).toBeGreaterThan(2);
  expect(later.map(({ at }) => at)).toEqual(later.map(({ newest }) => newest));
  expect(journalBytes(world)).toBeLessThan(2 * BOUND_BYTES);
});

test("a journal within its bound keeps what is not old", async () => {
  const { world } = await open(hasty);
  await busy(world, 400);
  expect(world.process.engine.counters.passes).toBeGreaterThan(2);
  expect(journalBytes(world)).toBeGreaterThan(2 * BOUND_BYTES);
  expect(start(world)).toBe(0);
});

test("the warning of the bound comes once, and again after the journal was small", async () => {
  const dispatched = await open(bounded);
  const { world } = dispatched;
  await dispatched.dispatcher.stop(); // nothing is dispatched, so nothing is cut
  await busy(world, 200);
  expect(journalBytes(world)).toBeGreaterThan(BOUND_BYTES);
  expect(linesWith(world, NEAR)).toHaveLength(1);

  await dispatched.startDispatcher();
  await busy(world, 60);
  expect(journalBytes(world)).toBeLessThan(0.7 * BOUND_BYTES);
  await dispatched.dispatcher.stop();
  await busy(world, 200);
  expect(linesWith(world, NEAR)).toHaveLength(2);
});

test("a broker that does not let us delete is warned of, and all goes on", async () => {
  const { world } = await open({ ...bounded, cutMs: 1_000 });
  const refused = vi
    .spyOn(MemoryLog.prototype, "truncate")
    .mockRejectedValue(new Error("TOPIC_AUTHORIZATION_FAILED"));
  await busy(world, 200);
  const { counters } = world.process.engine;
  const [line = ""] = linesWith(world, "old records are not deleted; the log grows");
  expect(line).toMatch(/^warn .*"journal":\d+,"events":\d+,"why":"TOPIC_AUTHORIZATION_FAILED"/);
  expect({ lost: counters.lost, steps: counters.steps, cut: start(world) }).toEqual({
    lost: 0,
    steps: 200,
    cut: 0,
  });

  refused.mockRestore(); // it may again
  await busy(world, 40);
  expect(start(world)).toBeGreaterThan(0);
  expect(counters.lost).toBe(0);
});

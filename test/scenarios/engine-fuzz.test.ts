import { expect, test } from "vitest";
import type { AppendFate } from "@millrace/shared/adapters/memory/log-server";
import { Process, simulate, type World } from "../support/world.ts";

/** `SEEDS=1000` tries more than the few of every run. */
const SEEDS = Number(process.env["SEEDS"] ?? 40);

const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}", id: "\${event.id}" }
machine:
  context: { ids: [], ticks: 0 }
  initial: s0
  states:
    s0:
      on: { a: { target: s1, actions: { assign: { ids: "context.ids + [event.id]" } } } }
      after: { 300ms: { target: s0, reenter: true, actions: { assign: { ticks: "context.ticks + 1" } } } }
    s1:
      on: { a: { target: s0, actions: { assign: { ids: "context.ids + [event.id]" } } } }
      after: { 150ms: s0 }
`;

/** What becomes of an append: twelve of a hundred go wrong, in four ways. */
function fateOf(random: number): AppendFate {
  if (random < 0.03) return "lost";
  if (random < 0.06) return "unanswered";
  if (random < 0.09) return "doubled";
  if (random < 0.12) return { lateMs: 1 + Math.floor((random - 0.09) * 250_000) };
  return "done";
}

/** A second engine that comes and goes. */
class Second {
  readonly #world: World;
  #process: Process | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  async comeOrGo(): Promise<void> {
    if (this.#process === undefined) {
      this.#process = new Process(this.#world);
      return await this.#process.start();
    }
    void this.#process.engine.stop();
    await this.#world.advance(10);
    void this.#process.log.close();
    this.#process = undefined;
  }
}

async function run(seed: number): Promise<void> {
  const world = await simulate({
    flows: [flow],
    partitions: 3,
    seed,
    engine: {
      cachedInstancesMax: 4,
      commitMs: 20,
      turnRecordsMax: 5,
      commitStepsMax: 3,
      retentionCheckMs: 40,
      checkpointRecordsMin: 15,
      checkpointRatio: 2,
      retentionMs: 100,
      cutMs: 50,
    },
  });
  const gateway = new Process(world); // takes no partitions
  await gateway.registry.start();
  const second = new Second(world);
  const random = () => world.clock.random();
  world.logs.faults = {
    append: (topic) => (topic === "registry" ? "done" : fateOf(random())),
  };

  const acknowledged = new Map<string, string[]>();
  const publishes: Promise<void>[] = [];
  const publish = async (lamp: string, id: string): Promise<void> => {
    const payload = Buffer.from(JSON.stringify({ id }));
    const topic = `lamp/${lamp}/a`;
    await gateway.ingest.write({ ns: "default", client: "c", topic, payload, qos: 1 });
    acknowledged.set(lamp, [...(acknowledged.get(lamp) ?? []), id]);
  };
  for (let n = 1; n <= 120; n++) {
    publishes.push(publish(`l${Math.floor(random() * 6)}`, `e${n}`));
    const what = random();
    if (what < 0.5) await world.advance(Math.floor(random() * 100));
    else if (what > 0.98) await world.crashAndRecover();
    else if (what > 0.96) await second.comeOrGo();
    else if (what > 0.95) {
      const setBack = world.states.backup();
      await world.advance(200);
      setBack();
    } else if (what > 0.94) world.states.wipe();
  }
  await world.advance(60_000);
  world.logs.faults = { append: () => "done" };
  await world.advance(60_000);
  await Promise.all(publishes);
  await world.advance(5_000);

  const stopped = world.lines.filter((line) => line.includes("partition stopped"));
  expect({ seed, stopped }).toEqual({ seed, stopped: [] });
  for (const [lamp, ids] of acknowledged) {
    const taken = world.instance(`lamp/${lamp}`).context["ids"];
    expect({ seed, lamp, taken }).toEqual({ seed, lamp, taken: ids });
    const seqs = world.steps(`lamp/${lamp}`).map(({ instance }) => instance.seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  }
  expect(world.rejections()).toEqual([]);
}

test("two engines take every acknowledged event once, in order, whatever becomes of appends, processes and the store", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await run(seed);
}, 600_000);

import { afterEach, describe, expect, test, vi } from "vitest";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { parseJournalHeader } from "@millrace/shared/contract/journal-record";
import { sleep } from "@millrace/shared/ports/clock";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import type { World } from "../support/world.ts";

/** Attacks: F1, F2 and F3 of retention.ts. */

/** Journals that are made short all the time, where it is done once a day otherwise. */
const hasty: Partial<EngineOptions> = {
  commitMs: 20,
  retentionCheckMs: 50,
  checkpointRecordsMin: 12,
  checkpointRatio: 2,
  retentionMs: 200,
  cutMs: 50,
};

const SEEDS = Number(process.env["SEEDS"] ?? 25);

/** `a` asks for a command, `e` ends the lamp, which the next event begins anew. */
const counter = `
flow: lamp
keepDone: 150ms
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
  e: { topic: lamp/+/e, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca", supersede: false }
machine:
  initial: on
  states:
    on: { on: { a: { actions: { command: ca, payload: "\${event.n}" } }, e: over } }
    over: { type: final }
`;

const byId = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);

/** All instances as the store has them. */
function stored(world: World): Record<string, string> {
  const all = world.states.partitions().flatMap((partition) => {
    const { instances } = world.states.partition(partition);
    return Array.from(instances, ([id, { json }]) => [id, json] as const);
  });
  return Object.fromEntries(all.sort(byId));
}

/** All instances as the whole journal has them, from its first record on. */
function folded(world: World): Record<string, string> {
  const all = new Map<string, string>();
  for (const { kind, body } of world.counting()) {
    if (kind !== "step" && kind !== "refresh") continue;
    const { instance } = body as { instance: { ns: string; flow: string; key: string } };
    all.set(`${instance.ns}/${instance.flow}/${instance.key}`, JSON.stringify(instance));
  }
  return Object.fromEntries([...all].sort(byId));
}

function starts(world: World): number[] {
  return Array.from(
    { length: world.logs.partitions },
    (_, partition) => world.logs.bounds("journal", partition).start,
  );
}

/** A pass takes its time, so that instances move on meanwhile. */
function slowScan({ clock }: World): void {
  vi.restoreAllMocks();
  const { scan } = MemoryStateStore.prototype;
  vi.spyOn(MemoryStateStore.prototype, "scan").mockImplementation(async function (
    this: MemoryStateStore,
    ...of
  ) {
    await sleep(clock, Math.floor(clock.random() * 30));
    return await scan.call(this, ...of);
  });
}

afterEach(() => vi.restoreAllMocks());

async function busy(world: World, rounds: number): Promise<void> {
  for (let n = 0; n < rounds; n++) {
    await world.publish(`lamp/l${n % 5}/a`, { n });
    await world.advance(40);
  }
}

describe("a journal that outgrows its instances", () => {
  test("is checkpointed and cut at a floor, and what is left gives the same state", async () => {
    const { world, devices } = await DispatchedWorld.open({
      flows: [counter],
      engine: hasty,
      partitions: 2,
    });
    devices.become("online");
    await busy(world, 120);
    await world.advance(3_000);
    expect(Math.min(...starts(world))).toBeGreaterThan(0);
    const before = stored(world);
    expect(before).toEqual(folded(world));
    for (let partition = 0; partition < 2; partition++) {
      const { start } = world.logs.bounds("journal", partition);
      const first = world.logs.all("journal", partition).find(({ offset }) => offset === start);
      expect(parseJournalHeader(first?.header)?.kind).toBe("checkpoint");
      expect(world.logs.bounds("events", partition).start).toBeGreaterThan(0);
    }
    world.states.wipe();
    await world.crashAndRecover();
    await world.advance(1_000);
    expect(stored(world)).toEqual(before);
    await busy(world, 5);
    await world.advance(1_000);
    expect(stored(world)).toEqual(folded(world));
  });

  test("is begun anew at a floor when the store is set back to before the journal's beginning", async () => {
    const { world, devices } = await DispatchedWorld.open({
      flows: [counter],
      engine: hasty,
      partitions: 1,
    });
    devices.become("online");
    await busy(world, 3);
    await world.publish("lamp/old/a", { n: 0 });
    await world.advance(500);
    const setBack = world.states.backup();
    const held = world.states.partition(0).journal.offset;
    await world.publish("lamp/old/e", { n: 0 });
    await busy(world, 80);
    await world.advance(3_000);
    const before = stored(world);
    setBack();
    await world.advance(10_000);
    expect(starts(world)[0]).toBeGreaterThan(held);
    expect(stored(world)).toEqual(before);
    expect(Object.keys(before)).not.toContain("default/lamp/old");
  });

  test("is left alone above what is not dispatched", async () => {
    const dispatched = await DispatchedWorld.open({
      flows: [counter],
      engine: hasty,
      partitions: 1,
    });
    const { world } = dispatched;
    dispatched.dispatcher.kill();
    await busy(world, 60);
    await world.advance(3_000);
    expect(world.process.engine.counters.passes).toBeGreaterThan(0);
    expect(starts(world)).toEqual([0]);
  });

  test("loses no instance to a pass that goes on while the store is wiped, or set back", async () => {
    let cut = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const dispatched = await DispatchedWorld.open({
        flows: [counter],
        engine: hasty,
        partitions: 2,
        seed,
      });
      const { world, devices } = dispatched;
      world.states.scanPageMax = 2;
      slowScan(world);
      const random = () => world.clock.random();
      const sent = new Map<string, string[]>();
      for (let n = 0; n < 150; n++) {
        const lamp = `l${Math.floor(random() * 9)}`;
        const input = random() < 0.6 ? "a" : "e";
        await world.publish(`lamp/${lamp}/${input}`, { n });
        sent.set(lamp, [...(sent.get(lamp) ?? []), `${input}${n}`]);
        devices.become(random() < 0.7 ? "online" : "offline");
        await world.advance(Math.floor(random() * 60));
        const what = random();
        if (what > 0.97) await dispatched.crash();
        else if (what > 0.95) world.states.wipe();
        else if (what > 0.93) {
          const setBack = world.states.backup();
          await world.advance(100);
          setBack();
        }
      }
      devices.become("online");
      await world.advance(60_000);
      const state = stored(world);
      const dropped = Object.entries(folded(world)).filter(([id]) => !(id in state));
      const kept = { ...state, ...Object.fromEntries(dropped) };
      expect({ seed, state: kept }).toEqual({ seed, state: folded(world) });
      for (const [, json] of dropped) expect(JSON.parse(json)).toMatchObject({ status: "done" });
      if (Math.max(...starts(world)) > 0) cut += 1;
      for (const [lamp, inputs] of sent) {
        const steps = world.steps(`lamp/${lamp}`).filter(({ cause }) => cause.kind === "device");
        const taken = steps.map(({ cause }) => cause.type);
        expect({ seed, lamp, taken }).toEqual({ seed, lamp, taken: inputs.map((one) => one[0]) });
        const received = new Set(
          devices.received
            .filter(({ topic }) => topic === `lamp/${lamp}/ca`)
            .map(({ payload }) => `a${payload.toString()}`),
        );
        const missing = inputs.filter((one) => one.startsWith("a") && !received.has(one));
        expect({ seed, lamp, missing }).toEqual({ seed, lamp, missing: [] });
      }
    }
    expect(cut).toBeGreaterThan(SEEDS / 2);
  }, 600_000);

  test("is refused when somebody else cut it, and the store does not have what is gone", async () => {
    const { world, devices } = await DispatchedWorld.open({ flows: [counter], partitions: 1 });
    devices.become("online");
    await busy(world, 20);
    await world.advance(1_000);
    world.logs.truncate("journal", 0, 10);
    await world.crashAndRecover(); // the store has all of it
    await world.publish("lamp/l1/a", { n: 99 });
    expect(world.instance("lamp/l1").seq).toBe(5);
    world.states.wipe();
    await world.crashAndRecover();
    await world.advance(1_000);
    expect(world.lines.filter((line) => line.includes("partition stopped")).join()).toContain(
      "LOG-006",
    );
  });

  test("and was cut by somebody else is checkpointed at once, while the store has what is gone", async () => {
    const { world } = await DispatchedWorld.open({ flows: [counter], partitions: 1 });
    await busy(world, 20);
    await world.advance(1_000);
    const before = stored(world);
    world.logs.truncate("journal", 0, 10);
    await world.crashAndRecover();
    await world.advance(20_000);
    expect(world.process.engine.counters.passes).toBe(1);
    world.states.wipe();
    await world.crashAndRecover();
    await world.advance(1_000);
    expect(stored(world)).toEqual(before);
  });
});

describe("a dispatcher whose bookmark is lost", () => {
  test("begins where the floor says that the journal was dispatched", async () => {
    const dispatched = await DispatchedWorld.open({
      flows: [counter],
      engine: { ...hasty, retentionMs: 1e9 },
      partitions: 1,
    });
    const { world, devices } = dispatched;
    devices.become("online");
    await busy(world, 60);
    await world.advance(10_000);
    devices.become("offline");
    await busy(world, 3); // 0, 1 and 2 again, for lamps that are away
    const delivered = devices.received.length;
    world.logs.loseBookmarks();
    await dispatched.crash();
    devices.become("online");
    await world.advance(60_000);
    const again = devices.received
      .slice(delivered)
      .map(({ payload }) => Number(payload.toString()));
    expect(again).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(again.length).toBeLessThan(40);
    expect(starts(world)).toEqual([0]);
  });
});

describe("an instance that ended", () => {
  const ending = `
flow: lamp
keepDone: 2s
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
machine:
  initial: on
  states: { on: { on: { a: over } }, over: { type: final } }
`;

  test("is dropped when it has been kept for as long as its flow says, and begins anew after that", async () => {
    const { world } = await DispatchedWorld.open({ flows: [ending], engine: hasty, partitions: 1 });
    for (const lamp of ["l1", "l2"]) await world.publish(`lamp/${lamp}/a`, {});
    await world.advance(500);
    expect(Object.keys(stored(world))).toHaveLength(2);
    await world.advance(2_000);
    for (let n = 0; n < 30; n++) {
      await world.publish("lamp/l3/a", {});
      await world.advance(60);
    }
    await world.advance(500);
    expect(Object.keys(stored(world))).not.toContain("default/lamp/l1");
    const { generation } = world.instance("lamp/l1");
    await world.publish("lamp/l1/a", {});
    await world.advance(500);
    expect(world.instance("lamp/l1").generation).toBeGreaterThan(generation);
    expect(JSON.parse(stored(world)["default/lamp/l1"] ?? "null")).toMatchObject({
      seq: 1,
      state: "over",
    });
  });
});

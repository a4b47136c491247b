import { expect, test } from "vitest";
import { simulate, Process } from "../support/world.ts";
const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}", id: "\${event.id}" }
machine:
  context: { ids: [], t: 0 }
  initial: s0
  states:
    s0: { on: { a: { target: s1, actions: { assign: { ids: "context.ids + [event.id]" } } } }, after: { 300ms: { target: s0, reenter: true, actions: { assign: { t: "context.t + 1" } } } } }
    s1: { on: { a: { target: s0, actions: { assign: { ids: "context.ids + [event.id]" } } } }, after: { 150ms: s0 } }
`;
test("two engines take every acknowledged event once, in order, whatever becomes of appends, processes and the store", async () => {
  for (let seed = 1; seed < Number(process.env["SEEDS"] ?? 40); seed++) {
    const world = await simulate({
      flows: [flow],
      partitions: 3,
      seed,
      engine: { cachedInstancesMax: 4, commitMs: 20, turnRecordsMax: 5, commitStepsMax: 3 },
    });
    const writer = new Process(world); // registry and ingest only
    await writer.registry.start();
    let second: Process | undefined;
    const rnd = () => world.clock.random();
    let faulty = true;
    world.logs.faults = {
      append: (topic) => {
        if (!faulty || topic === "registry") return "done";
        const r = rnd();
        if (r < 0.03) return "lost";
        if (r < 0.06) return "unanswered";
        if (r < 0.09) return "doubled";
        if (r < 0.12) return { lateMs: 1 + Math.floor(rnd() * 8000) };
        return "done";
      },
    };
    const acked = new Map<string, string[]>();
    const pend: Promise<unknown>[] = [];
    const send = async (lamp: string, eid: string): Promise<void> => {
      const payload = Buffer.from(JSON.stringify({ id: eid }));
      const topic = `lamp/${lamp}/a`;
      await writer.ingest.write({ ns: "default", client: "c", topic, payload, qos: 1 });
      acked.set(lamp, [...(acked.get(lamp) ?? []), eid]);
    };
    let id = 0;
    for (let i = 0; i < 120; i++) {
      const k = `l${Math.floor(rnd() * 6)}`;
      const eid = `e${++id}`;
      pend.push(send(k, eid));
      const r = rnd();
      if (r < 0.5) await world.advance(Math.floor(rnd() * 100));
      if (r > 0.98) await world.crashAndRecover();
      else if (r > 0.96) {
        if (second === undefined) {
          second = new Process(world);
          await second.start();
        } else {
          void second.engine.stop();
          await world.advance(10);
          void second.log.close();
          second = undefined;
        }
      } else if (r > 0.95) {
        const b = world.states.backup();
        await world.advance(200);
        b();
      } else if (r > 0.94) world.states.wipe();
    }
    await world.advance(60_000);
    faulty = false;
    await world.advance(60_000);
    await Promise.all(pend);
    await world.advance(5_000);
    const bad = world.lines.filter((l) => l.includes("partition stopped"));
    expect({ seed, bad }).toEqual({ seed, bad: [] });
    for (const [k, ids] of acked) {
      const got = world.instance(`lamp/${k}`).context["ids"];
      expect({ seed, k, got }).toEqual({ seed, k, got: ids });
      const seqs = world.steps(`lamp/${k}`).map((s) => s.instance.seq);
      expect(seqs).toEqual(seqs.map((_, j) => j + 1));
    }
    expect(world.rejections()).toEqual([]);
  }
}, 600000);

import type { Difference, Summary } from "@millrace/engine/query/verify/report";
import { verify, type VerifyOptions } from "@millrace/engine/query/verify/verify";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import type { Flow } from "@millrace/shared/flow/flow";
import { describe, expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

const light = `
flow: light
inputs:
  motion:
    topic: site/+/motion
    thing: \${topic[1]}
    schema: { type: object, properties: { lux: { type: number } } }
  clear: { topic: site/+/clear, thing: "\${topic[1]}" }
commands:
  lamp: { topic: "site/\${thing.name}/lamp" }
machine:
  initial: idle
  context: { hits: 0 }
  states:
    idle:
      on:
        motion:
          guard: event.lux < 40
          target: lit
          actions: [{ assign: { hits: context.hits + 1 } }, { command: lamp, payload: { level: 100 } }]
    lit:
      on: { clear: { target: dimming, actions: { command: lamp, payload: { level: 20 } } } }
    dimming:
      on: { motion: lit }
      after: { 30s: { target: idle, actions: { command: lamp, payload: { level: 0 } } } }
`;

function flowOf(text: string): Flow {
  const { flow, faults } = loadFlow(text, "flow.yaml");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return flow;
}

async function check(
  world: World,
  options: Partial<VerifyOptions> = {},
): Promise<{ summary: Summary; differences: Difference[] }> {
  const differences: Difference[] = [];
  const summary = await verify(new MemoryLog(world.logs), {
    range: { since: undefined, until: undefined },
    onDifference: (difference) => differences.push(difference),
    ...options,
  });
  return { summary, differences };
}

/** Three rooms: one goes through all states, one stays lit, one is rejected and hears of nothing. */
async function evening(flow = light): Promise<World> {
  const world = await simulate({ flows: [flow], partitions: 2 });
  await world.publish("site/r1/motion", { lux: 10 });
  await world.publish("site/r2/motion", { lux: 12 });
  await world.publish("site/r1/clear", {});
  await world.publish("site/r3/motion", { lux: 70 });
  await world.publish("site/r3/motion", { lux: "dark" });
  await world.advance(40_000);
  await world.publish("site/r1/clear", {});
  await world.publish("site/r1/motion", { lux: 50 });
  await world.publish("site/r1/motion", { lux: 35 });
  return world;
}

/** What a difference says, in one line. */
function lineOf({ instance, seq, cause, changes }: Difference): string {
  const what = changes.map(({ path, was, now }) => `${path} ${text(was)} > ${text(now)}`);
  return `${instance ?? "record"} ${seq ?? "-"} ${cause.type}: ${what.join(", ")}`;
}

function text(value: unknown): string {
  return typeof value === "object" ? "{}" : String(value);
}

/** Changes a record of the journal that counts, as an engine would have written it that decides otherwise. */
function rewrite(world: World, from: string, to: string): void {
  for (let partition = 0; partition < world.logs.partitions; partition++) {
    for (const record of world.logs.all("journal", partition)) {
      const value = record.value?.toString() ?? "";
      if (value.includes(from))
        Object.assign(record, { value: Buffer.from(value.replace(from, to)) });
    }
  }
}

describe("verify, with the versions that decided", () => {
  test("finds nothing where the engine decides as it did", async () => {
    const { summary, differences } = await check(await evening());
    expect(differences).toEqual([]);
    expect(summary).toMatchObject({ instances: 3, differ: 0, steps: 6, rejections: 1, decided: 9 });
    expect(summary.undecided).toEqual({});
  });

  test("tells the first difference of an instance, and goes on from the journal's state", async () => {
    const world = await evening();
    rewrite(world, '"context":{"hits":2}', '"context":{"hits":3}');
    rewrite(world, '{"level":20}', '{"level":25}');
    const { summary, differences } = await check(world);
    expect(differences.map(lineOf)).toEqual([
      "default/light/r1 2 clear: effects[0].payload.level 25 > 20",
    ]);
    expect(summary).toMatchObject({ differ: 1, steps: 6 });
  });

  test("tells of a step that is missing, one that should not be there, and a rejection", async () => {
    const world = await evening();
    rewrite(world, '"code":"schema"', '"code":"expression"');
    const strict = await check(world);
    expect(strict.differences.map(lineOf)).toEqual([
      "default/light/r3 - motion: code expression > schema",
    ]);
  });

  test("says how many steps it cannot decide, because their events are gone", async () => {
    const world = await evening();
    for (const partition of [0, 1]) {
      const { end } = world.logs.bounds("events", partition);
      world.logs.truncate("events", partition, end - 1);
    }
    const { summary, differences } = await check(world);
    expect(differences).toEqual([]);
    // A timer needs no event.
    expect(summary.undecided).toEqual({ "payload-gone": 4 });
    expect(summary.steps).toBe(2);
  });

  test("begins and ends where it is told, with the state that was there then", async () => {
    const world = await evening();
    const start = world.clock.wallMs() - 40_000;
    const late = await check(world, { range: { since: start + 1, until: undefined } });
    expect(late).toMatchObject({ differences: [], summary: { steps: 2, decided: 4 } });
    const early = await check(world, { range: { since: undefined, until: start + 1 } });
    expect(early).toMatchObject({ differences: [], summary: { steps: 4, rejections: 1 } });
  });

  test("is about one flow or one key, where that is asked for", async () => {
    const world = await evening();
    expect((await check(world, { key: "r2" })).summary).toMatchObject({ instances: 1, steps: 1 });
    expect((await check(world, { flow: "light" })).summary).toMatchObject({ steps: 6 });
    await expect(check(world, { flow: "lihgt" })).rejects.toThrow(/API-001 .*no flow lihgt/);
  });

  test("goes through a partition again and again where its instances are too many to keep", async () => {
    const world = await simulate({ flows: [light], partitions: 1 });
    for (let i = 0; i < 40; i++) await world.publish(`site/r${i}/motion`, { lux: i });
    rewrite(world, '"key":"r7"', '"key":"r7","status":"done","was":1');
    let passes = 0;
    const { summary, differences } = await check(world, {
      heldBytesMax: 8_000,
      onProgress: (progress) => {
        passes = Math.max(passes, progress.passes + 1);
      },
    });
    expect(passes).toBeGreaterThan(3);
    expect(summary).toMatchObject({ instances: 40, steps: 40, differ: 1 });
    expect(differences.map(({ instance }) => instance)).toEqual(["default/light/r7"]);
  });

  test("knows the state of all instances where the journal begins at a checkpoint", async () => {
    const engine = { checkpointRecordsMin: 10, journalPerInstance: 2 };
    const world = await simulate({ flows: [light], partitions: 1, engine });
    await world.publish("site/r1/motion", { lux: 1 });
    for (let i = 0; i < 30; i++) {
      await world.publish(`site/r2/${i % 2 === 0 ? "motion" : "clear"}`, { lux: 1 });
      await world.advance(2_000);
    }
    const records = world.logs.all("journal", 0);
    const checkpoint = records.find(({ header }) => header?.includes("checkpoint"))?.offset ?? 0;
    expect(checkpoint).toBeGreaterThan(0);
    world.logs.truncate("journal", 0, checkpoint);
    await world.publish("site/r1/clear", {});
    const { summary, differences } = await check(world);
    expect(differences).toEqual([]);
    expect(summary.undecided).toEqual({});
    expect(summary.steps).toBeGreaterThan(5);
  });

  test("touches nothing", async () => {
    const world = await evening();
    const all = () =>
      JSON.stringify([
        ...["events", "journal"].flatMap((topic) =>
          [0, 1].map((p) => world.logs.all(topic as "events", p)),
        ),
        world.logs.all("registry", 0),
      ]);
    const before = all();
    await check(world);
    await check(world, { with: flowOf(light.replace("lux < 40", "lux < 11")) });
    expect(all()).toBe(before);
  });
});

describe("verify, with another version", () => {
  test("finds nothing where it is the same one under another name", async () => {
    const other = flowOf(light.replace("flow: light", "flow: light\ndescription: the same"));
    const { summary, differences } = await check(await evening(), { with: other });
    expect(differences).toEqual([]);
    expect(summary).toMatchObject({ instances: 3, differ: 0, steps: 6 });
  });

  test("tells the first difference of each instance, and what it would have asked for", async () => {
    const other = flowOf(light.replace("lux < 40", "lux < 11"));
    const { summary, differences } = await check(await evening(), { with: other });
    expect(differences.map(lineOf)).toEqual([
      'default/light/r1 4 motion: outcome a step to "lit" > nothing, no-transition',
      "default/light/r2 1 motion: state lit > idle, context.hits 1 > 0, effects[0] {} > undefined",
    ]);
    expect(summary.effects).toEqual([
      { kind: "command", name: "lamp", was: 2, now: 0, changed: 0 },
    ]);
  });

  test("takes what was rejected, and rejects what was taken", async () => {
    const lenient = light.replace("{ type: number }", "{ type: [number, string] }");
    const taking = flowOf(
      lenient.replace("event.lux < 40", "event.lux == 'dark' || event.lux < 40"),
    );
    const taken = await check(await evening(), { with: taking });
    expect(taken.differences.map(lineOf)).toEqual([
      'default/light/r3 - motion: outcome rejected, schema > a step to "lit"',
    ]);
    const strict = flowOf(light.replace("{ type: number }", "{ type: number, minimum: 11 }"));
    const rejected = await check(await evening(), { with: strict });
    expect(rejected.differences.map(lineOf)).toEqual([
      'default/light/r1 1 motion: outcome a step to "lit" > rejected, schema: payload.lux must be >= 11',
    ]);
  });

  test("lets its own timers fire when the log's time passes them", async () => {
    const other = flowOf(light.replace("30s:", "10s:").replace("{ level: 0 }", "{ level: 1 }"));
    const { summary, differences } = await check(await evening(), { with: other });
    expect(differences.map(lineOf)).toEqual([
      expect.stringMatching(/^default\/light\/r1 2 clear: timers\[0\]/),
    ]);
    expect(summary.effects).toEqual([
      // After 10 s the lamp is off by the other version's timer, and not once more after 30 s.
      { kind: "command", name: "lamp", was: 3, now: 3, changed: 0 },
    ]);
  });

  test("gives a result to the effect of the same name that the instance has by then", async () => {
    const asking = light.replace(
      "lit:\n      on: {",
      'lit:\n      on: { "delivered.lamp": { actions: { log: there } },',
    );
    const world = await simulate({ flows: [asking], partitions: 1 });
    await world.publish("site/r1/motion", { lux: 70 });
    await world.publish("site/r1/clear", {});
    await world.publish("site/r1/motion", { lux: 10 });
    const { generation, seq } = world.instance("light/r1");
    const { events } = world.process;
    const effect = `default/light/r1/${generation}/${seq}/0`;
    const header = { v: 1, kind: "result", ns: "default", flow: "light", key: "r1" };
    await events.write(0, {
      key: "default/r1",
      header: JSON.stringify({ ...header, effect, outcome: "delivered", ...events.stamp() }),
      value: "{}",
    });
    await world.advance(10);
    expect(world.history("light/r1").at(-1)).toBe("delivered.lamp: lit > lit");
    // It takes a step of its own before the command, which has another id then.
    const other = flowOf(
      asking.replace(
        "    idle:\n      on:\n",
        "    idle:\n      on:\n        clear: { actions: { assign: { hits: 7 } } }\n",
      ),
    );
    const { summary, differences } = await check(world, { with: other });
    expect(differences.map(lineOf)).toEqual([
      'default/light/r1 - clear: outcome nothing > a step to "idle"',
    ]);
    expect(summary.effects).toEqual([
      { kind: "command", name: "lamp", was: 1, now: 1, changed: 0 },
      { kind: "log", name: "info", was: 1, now: 1, changed: 0 },
    ]);
  });

  test("leaves out instances in a state that it does not have, and says so", async () => {
    const world = await evening();
    const since = world.clock.wallMs() - 35_000;
    const other = flowOf(light.replaceAll("dimming", "fading"));
    const { summary } = await check(world, { with: other, range: { since, until: undefined } });
    expect(summary.undecided).toEqual({ "state-unmapped": 1 });
  });
});

import { instanceId, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { defaultEngineOptions } from "@millrace/engine/runtime/options";
import { describe, expect, test } from "vitest";
import { type Deployed, simulate, type World } from "../support/world.ts";

/**
 * A flow over several things: roles, bound to things by deployments.
 *
 * Attacks: T3 of tenure.ts.
 */

const pair = `
flow: pair
roles: { sensor: {}, light: { description: A lamp. } }
inputs:
  motion:
    role: sensor
    topic: sensor/+/motion
    thing: \${topic[1]}
    schema: { required: [lux] }
  clear: { role: sensor, topic: sensor/+/clear, thing: "\${topic[1]}" }
  fault: { role: light, topic: lamp/+/fault, thing: "\${topic[1]}" }
commands:
  light: { to: light, topic: "lamp/\${thing.name}/set" }
machine:
  initial: dark
  context: { seen: 0 }
  on:
    fault: { actions: { assign: { broken: roles.light.name } } }
  states:
    dark:
      on:
        motion:
          target: lit
          actions:
            - assign: { seen: context.seen + 1, by: event.thing, lamp: roles.light.name }
            - { command: light, payload: { level: 100, for: "\${roles.sensor.name}" } }
    lit:
      on:
        motion: { actions: { assign: { seen: context.seen + 1 } } }
      after: { 10s: { target: dark, actions: { command: light, payload: { level: 0 } } } }
`;

const hall: Deployed = { name: "hall", flow: "pair", things: { sensor: "s1", light: "l1" } };

/** Topics and payloads of the commands of an instance, in order. */
function commands(world: World, name: string): string[] {
  return world
    .steps(name)
    .flatMap(({ effects }) => effects)
    .flatMap((effect) =>
      effect.kind === "command" ? [`${effect.topic} ${JSON.stringify(effect.payload)}`] : [],
    );
}

describe("a deployment", () => {
  test("takes what its sensor says, and commands its lamp", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.publish("sensor/s9/motion", { lux: 5 });
    await world.publish("lamp/l1/fault", {});
    expect(world.history("pair/hall")).toEqual(["motion: · > lit", "fault: lit > lit"]);
    expect(commands(world, "pair/hall")).toEqual(['lamp/l1/set {"level":100,"for":"s1"}']);
    const { context, things, thing } = world.instance("pair/hall");
    expect(context).toEqual({ seen: 1, by: "s1", lamp: "l1", broken: "l1" });
    expect([things, thing]).toEqual([hall.things, undefined]);
    await world.advance(10_000);
    expect(commands(world, "pair/hall").at(-1)).toBe('lamp/l1/set {"level":0}');
    expect(world.steps("pair/s9")).toEqual([]);
    expect(world.rejections()).toEqual([]);
  });

  test("is found by each of its things, by the latest ones", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.deploy({ ...hall, things: { sensor: "s1", light: "l2" } });
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.advance(1_000);
    const store = new MemoryStateStore(world.states);
    const found = async (thing: string) =>
      (await store.instances({ ns: "default", thing, limit: 9 })).items.map(({ key }) => key);
    expect(await found("s1")).toEqual(["hall"]);
    expect(await found("l1")).toEqual([]);
    expect(await found("l2")).toEqual(["hall"]);
  });

  test("that is bound anew commands its new lamp from its next event on, by timers too", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.deploy({ ...hall, things: { sensor: "s1", light: "l2" } });
    expect(world.instance("pair/hall").things).toEqual(hall.things);
    // Nothing listens to `clear`: the bindings that it brings are a step all the same.
    await world.publish("sensor/s1/clear", {});
    expect(world.history("pair/hall")).toEqual(["motion: · > lit", "clear: lit > lit"]);
    await world.publish("sensor/s1/clear", {});
    expect(world.steps("pair/hall")).toHaveLength(2);
    await world.crashAndRecover();
    await world.advance(10_000);
    expect(commands(world, "pair/hall").at(-1)).toBe('lamp/l2/set {"level":0}');
  });

  test("that is bound to another sensor no longer hears the first one", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    await world.deploy({ ...hall, things: { sensor: "s2", light: "l1" } });
    await world.publish("sensor/s1/motion", { lux: 5 });
    expect(world.steps("pair/hall")).toEqual([]);
    await world.publish("sensor/s2/motion", { lux: 5 });
    expect(world.history("pair/hall")).toEqual(["motion: · > lit"]);
  });

  test("that is removed hears nothing more; its instance stays, with its timers and its things", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.undeploy("hall");
    await world.publish("sensor/s1/motion", { lux: 5 });
    expect(world.instance("pair/hall").context["seen"]).toBe(1);
    await world.crashAndRecover();
    await world.advance(10_000);
    expect(world.history("pair/hall")).toEqual([
      "motion: · > lit",
      "xstate.after.10000.pair.lit: lit > dark",
    ]);
    expect(commands(world, "pair/hall").at(-1)).toBe('lamp/l1/set {"level":0}');
    await world.publish("sensor/s1/motion", { lux: 5 });
    expect(world.instance("pair/hall").state).toBe("dark");
  });

  test("takes effect when its flow comes", async () => {
    const world = await simulate({ flows: [] });
    await world.deploy(hall);
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.publishFlow(pair);
    await world.publish("sensor/s1/motion", { lux: 5 });
    expect(world.history("pair/hall")).toEqual(["motion: · > lit"]);
  });

  test("may bind one thing to two roles; the first input by name takes its event", async () => {
    const world = await simulate({
      flows: [
        `
flow: two
roles: { left: {}, right: {} }
inputs:
  b: { role: left, topic: two/+, thing: "\${topic[1]}" }
  a: { role: right, topic: two/+, thing: "\${topic[1]}" }
machine:
  context: { heard: [] }
  on: { "*": { actions: { assign: { heard: "context.heard + [event.type]" } } } }
`,
      ],
    });
    await world.deploy({ name: "both", flow: "two", things: { left: "t", right: "t" } });
    await world.deploy({ name: "left", flow: "two", things: { left: "t", right: "u" } });
    await world.publish("two/t", {});
    await world.publish("two/u", {});
    expect(world.instance("two/both").context).toEqual({ heard: ["a"] });
    expect(world.instance("two/left").context).toEqual({ heard: ["b", "a"] });
  });

  test("is begun by what another instance sends, if there is one of that name", async () => {
    const world = await simulate({ flows: [pair] });
    await world.deploy(hall);
    for (const key of ["hall", "attic"]) {
      const header = {
        v: 1,
        kind: "signal",
        ns: "default",
        flow: "pair",
        key,
        type: "fault",
        id: "1",
      };
      const { events } = world.process;
      await events.write(partitionOf(logKey("default", key), world.logs.partitions), {
        key: logKey("default", key),
        header: JSON.stringify({ ...header, effect: "default/x/y/0/1/0", ...events.stamp() }),
        value: "{}",
      });
    }
    await world.advance(0);
    expect(world.instance("pair/hall").context["broken"]).toBe("l1");
    expect(world.rejections()).toMatchObject([
      { code: "no-instance", detail: "there is no deployment `attic` of pair", key: "attic" },
    ]);
  });

  test("whose flow has got a role that it does not bind is told so where it is needed", async () => {
    const world = await simulate({ flows: [pair], partitions: 1 });
    await world.deploy({ ...hall, things: { sensor: "s1" } });
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.deploy({ ...hall, name: "attic", things: { sensor: "s2" } });
    await world.publishFlow(pair.replace("lamp: roles.light.name", "lamp: 1"));
    await world.publish("sensor/s2/motion", { lux: 5 });
    expect(world.rejections().map(({ key, code, detail }) => [key, code, detail])).toEqual([
      ["hall", "expression", expect.stringContaining("No such key: light")],
      ["attic", "bad-effect", "command `light` goes to `light`: no thing has this role"],
    ]);
  });
});

/** Deployments of one sensor, with lamps of their own. */
function rooms(count: number, sensor = "s1"): Deployed[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `room-${i}`,
    flow: "pair",
    things: { sensor, light: `l${i}` },
  }));
}

describe("an event that many deployments hear of", () => {
  test("is copied once to each other partition that has some of them", async () => {
    const world = await simulate({ flows: [pair], partitions: 8 });
    await world.deploy(...rooms(100));
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.publish("sensor/s1/motion", { lux: 5 });
    for (const { name } of rooms(100))
      expect(world.instance(`pair/${name}`).context["seen"]).toBe(2);
    const partitions = new Set(
      rooms(100).map(({ name }) => partitionOf(logKey("default", name), 8)),
    );
    const own = partitionOf(logKey("default", "s1"), 8);
    expect(world.process.engine.counters.copies).toBe(
      2 * [...partitions].filter((partition) => partition !== own).length,
    );
    const records = Array.from({ length: 8 }, (_, i) => world.logs.all("events", i).length);
    expect(records.reduce((sum, count) => sum + count)).toBe(
      2 + world.process.engine.counters.copies,
    );
  });

  test("and that does not fit is rejected once, not for each of them", async () => {
    const world = await simulate({ flows: [pair], partitions: 4 });
    await world.publish("sensor/s1/motion", { dark: true });
    expect(world.rejections()).toEqual([]);
    await world.deploy(...rooms(50));
    await world.publish("sensor/s1/motion", { dark: true });
    expect(world.rejections()).toMatchObject([
      { code: "schema", flow: "pair", payload: { dark: true }, cause: { type: "motion" } },
    ]);
    expect(world.rejections()[0]?.key).toBeUndefined();
  });

  const MANY = 10_000;
  /** A second or two, where nothing else runs. */
  const TIMEOUT_MS = 60_000;

  /** What each append to the journal has, by the keys of its records. */
  function watch(world: World): { records: number; bytes: number; keys: ReadonlySet<string> }[] {
    const appends: { records: number; bytes: number; keys: ReadonlySet<string> }[] = [];
    world.logs.faults = {
      append: (topic, _, records) => {
        if (topic === "journal") {
          const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
          const keys = new Set(records.flatMap(({ key }) => key ?? []));
          appends.push({ records: records.length, bytes, keys });
        }
        return "done";
      },
    };
    return appends;
  }

  /** How often each of them has heard of its sensor. */
  function heard(world: World): Map<number, number> {
    const steps = new Map<string, number>();
    for (const { kind, body } of world.counting()) {
      if (kind !== "step") continue;
      const { instance } = body as { instance: { key: string; context: { seen: number } } };
      steps.set(instance.key, instance.context.seen);
    }
    const times = new Map<number, number>();
    for (const { name } of rooms(MANY)) {
      const seen = steps.get(name) ?? 0;
      times.set(seen, (times.get(seen) ?? 0) + 1);
    }
    return times;
  }

  /** Lets the engine have its turns until so many steps are there. */
  async function takenIn(world: World, steps: number): Promise<void> {
    const { counters } = world.process.engine;
    for (let i = 0; i < 500 && counters.steps < steps; i++) await world.advance(1);
    await world.advance(0);
  }

  test(
    "of 10,000 in one partition goes in bounded appends; what came behind it is next",
    async () => {
      const world = await simulate({ flows: [pair], partitions: 1 });
      await world.deploy(...rooms(MANY), { ...hall, things: { sensor: "s2", light: "l" } });
      const appends = watch(world);
      const { turnDeliveriesMax } = defaultEngineOptions;
      await world.publish("sensor/s1/motion", { lux: 5 });
      await world.publish("sensor/s2/motion", { lux: 5 });
      await world.publish("sensor/s1/motion", { lux: 5 });
      await takenIn(world, 2 * MANY + 1);
      expect(heard(world)).toEqual(new Map([[2, MANY]]));
      expect(Math.max(...appends.map(({ records }) => records))).toBeLessThanOrEqual(
        turnDeliveriesMax + 1,
      );
      expect(Math.max(...appends.map(({ bytes }) => bytes))).toBeLessThan(1_000_000);
      // The other thing's event came between two of the sensor's, and is taken between the two.
      const place = appends.findIndex(({ keys }) => keys.has("default/hall"));
      expect(place).toBeLessThanOrEqual(MANY / turnDeliveriesMax);
      expect(world.history("pair/hall")).toEqual(["motion: · > lit"]);
      expect(world.process.engine.counters.records).toBe(3);
    },
    TIMEOUT_MS,
  );

  test.each(["killed", "told nothing"] as const)(
    "is taken once by each when its engine is %s in the middle of it",
    async (what) => {
      const world = await simulate({ flows: [pair], partitions: 2 });
      await world.deploy(...rooms(MANY));
      let appends = 0;
      let inTheMiddle = new Map<number, number>();
      world.logs.faults = {
        append: (topic, _, records) => {
          if (topic !== "journal" || records.length < 100) return "done";
          appends += 1;
          if (appends !== 7) return "done";
          inTheMiddle = heard(world);
          if (what === "killed") world.crash();
          return "lost";
        },
      };
      await world.publish("sensor/s1/motion", { lux: 5 });
      await world.advance(500);
      if (what === "killed") await world.recover();
      else await world.advance(6_000); // it claims anew when it has waited for the answer
      await world.advance(500);
      expect(inTheMiddle.get(1)).toBeGreaterThan(100);
      expect(inTheMiddle.get(0)).toBeGreaterThan(100);
      expect(heard(world)).toEqual(new Map([[1, MANY]]));
      await world.publish("sensor/s1/motion", { lux: 5 });
      await world.advance(1_000);
      expect(heard(world)).toEqual(new Map([[2, MANY]]));
    },
    TIMEOUT_MS,
  );

  test("finds those that are deployed while it is taken, and leaves none out", async () => {
    const world = await simulate({ flows: [pair], partitions: 1 });
    await world.deploy(...rooms(2_000));
    let appends = 0;
    world.logs.faults = {
      append: (topic, _, records) => {
        if (topic === "journal" && records.length > 100) {
          appends += 1;
          if (appends === 2) {
            void world.undeploy("room-0");
            void world.deploy({ ...hall, name: "late" });
          }
        }
        return "done";
      },
    };
    await world.publish("sensor/s1/motion", { lux: 5 });
    await world.advance(1_000);
    expect(world.process.engine.counters.steps).toBe(2_001);
    const ids = new Set(
      world
        .counting()
        .flatMap(({ kind, body }) =>
          kind === "step" ? [instanceId((body as { instance: never }).instance)] : [],
        ),
    );
    expect(ids.size).toBe(2_001);
  });
});

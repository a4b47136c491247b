import { InHand, type InputInHand } from "@millrace/engine/runtime/in-hand";
import { allowAll, type Authorize } from "@millrace/shared/policy/authorize";
import { Bug } from "@millrace/shared/errors/assert";
import { describe, expect, test } from "vitest";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { simulate, type World } from "../support/world.ts";

/** The command `bite` stands for a guard that loops, or takes all memory: deciding it ends the process. */
const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
  bad: { topic: lamp/+/bad, thing: "\${topic[1]}" }
  late: { topic: lamp/+/late, thing: "\${topic[1]}" }
commands:
  bite: { topic: "lamp/\${thing.name}/bite" }
machine:
  context: { n: 0 }
  initial: on
  on: { a: { actions: { assign: { n: "context.n + 1" } } } }
  states:
    on:
      on: { bad: { actions: { command: bite, payload: 1 } }, late: waiting }
    waiting:
      after: { 300ms: { target: on, actions: { command: bite, payload: 2 } } }
`;

interface Poisoned {
  readonly world: World;
  /** How many processes it has ended. */
  deaths(): number;
}

/** Hears of `bad` before the lamp does, and rejects it. */
const strict = `
flow: first
start: [begin]
strict: true
inputs:
  begin: { topic: lamp/+/begin, thing: "\${topic[1]}" }
  bad: { topic: lamp/+/bad, thing: "\${topic[1]}" }
machine: { initial: on, states: { on: {} } }
`;

interface Given {
  readonly flows?: readonly string[];
  readonly engine?: Partial<EngineOptions>;
  /** Whether a process leaves word for the next one of what it had in hand at its end. */
  readonly watched?: boolean;
}

async function open(partitions: number, given: Given = {}): Promise<Poisoned> {
  const { flows = [flow], engine = {}, watched = false } = given;
  let dead = 0;
  const inHand = new InHand();
  let hungOn: InputInHand | undefined;
  const poisoned: { world?: World } = {};
  const authorize: Authorize = (...request) => {
    if (!request[2].endsWith("/bite")) return allowAll(...request);
    dead += 1;
    hungOn = watched ? inHand.get() : undefined;
    poisoned.world?.crash();
    throw new Bug("the process is no more");
  };
  const hung = { inHand, hungOn: () => hungOn };
  const world = await simulate({ flows, partitions, engine, authorize, ...hung });
  poisoned.world = world;
  return { world, deaths: () => dead };
}

/** Starts the process again, as a supervisor does, until it lives. */
async function supervise({ world, deaths }: Poisoned): Promise<void> {
  for (let before = -1; deaths() !== before; ) {
    before = deaths();
    await world.recover();
    await world.advance(20_000);
    if (before > 20) throw new Error("it dies again and again");
  }
}

describe("an input that ends its owners", () => {
  test("is rejected unread after three of them, and what came after it is taken", async () => {
    const poisoned = await open(1);
    const { world } = poisoned;
    await world.publish("lamp/l1/a", {});
    world.crash();
    for (const topic of ["lamp/l1/a", "lamp/l2/bad", "lamp/l1/a", "lamp/l2/a"])
      await world.publishWithoutEngine(topic);
    await supervise(poisoned);
    expect(poisoned.deaths()).toBeLessThanOrEqual(4);
    expect(world.instance("lamp/l1").context["n"]).toBe(3);
    expect(world.instance("lamp/l2").context["n"]).toBe(1);
    const [rejected, ...others] = world.rejections();
    expect(others).toEqual([]);
    expect(rejected).toMatchObject({ code: "poison", cause: { offset: 2 } });
    expect(rejected?.payload).toEqual({ base64: Buffer.from("{}").toString("base64") });
  });

  test("is told from those of other partitions, which are taken once", async () => {
    const poisoned = await open(4);
    const { world } = poisoned;
    world.crash();
    const lamps = ["l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8"];
    for (const lamp of lamps) await world.publishWithoutEngine(`lamp/${lamp}/a`);
    await world.publishWithoutEngine("lamp/l3/bad");
    for (const lamp of lamps) await world.publishWithoutEngine(`lamp/${lamp}/a`);
    await supervise(poisoned);
    expect(lamps.map((lamp) => world.instance(`lamp/${lamp}`).context["n"])).toEqual(
      lamps.map(() => 2),
    );
    expect(world.rejections().map(({ code }) => code)).toEqual(["poison"]);
  });

  test("may be an event that goes in several turns, of which the first leaves records", async () => {
    const poisoned = await open(1, { flows: [strict, flow], engine: { turnDeliveriesMax: 1 } });
    const { world } = poisoned;
    world.crash();
    await world.publishWithoutEngine("lamp/l1/bad");
    await world.publishWithoutEngine("lamp/l1/a");
    await supervise(poisoned);
    expect(world.instance("lamp/l1").context["n"]).toBe(1);
    expect(world.rejections().at(-1)?.code).toBe("poison");
    expect(new Set(world.rejections().map(({ code }) => code))).toEqual(
      new Set(["no-instance", "poison"]),
    );
  });

  test("may be a timer: it is taken out of its instance", async () => {
    const poisoned = await open(1);
    const { world } = poisoned;
    await world.publish("lamp/l1/late", {});
    await world.advance(1_000);
    expect(poisoned.deaths()).toBe(1);
    await supervise(poisoned);
    expect(world.rejections()).toMatchObject([
      { code: "poison", cause: { kind: "timer" }, key: "l1" },
    ]);
    await world.publish("lamp/l1/a", {});
    expect(world.instance("lamp/l1")).toMatchObject({ state: "waiting", context: { n: 1 } });
    expect(world.instance("lamp/l1").timers).toBeUndefined();
  });
});

describe("an input that ends its owner, which leaves word of it", () => {
  test("is rejected by the third one, be it an event", async () => {
    const poisoned = await open(1, { watched: true });
    const { world } = poisoned;
    await world.publish("lamp/l1/a", {});
    world.crash();
    for (const topic of ["lamp/l1/a", "lamp/l2/bad", "lamp/l1/a"])
      await world.publishWithoutEngine(topic);
    await supervise(poisoned);
    expect(poisoned.deaths()).toBe(2);
    expect(world.rejections()).toMatchObject([{ code: "poison", cause: { offset: 2 } }]);
    expect(world.instance("lamp/l1").context["n"]).toBe(3);
    expect(world.lines.filter((line) => line.includes("input in hand"))).toEqual([
      expect.stringContaining('"partition":0,"offset":2'),
      expect.stringContaining('"partition":0,"offset":2,"worker"'),
    ]);
  });

  test("or a timer", async () => {
    const poisoned = await open(1, { watched: true });
    const { world } = poisoned;
    await world.publish("lamp/l1/late", {});
    await world.advance(1_000);
    await supervise(poisoned);
    expect(poisoned.deaths()).toBe(2);
    expect(world.rejections()).toMatchObject([
      { code: "poison", cause: { kind: "timer" }, key: "l1" },
    ]);
  });
});

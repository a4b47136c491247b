import { InHand, type InputInHand } from "@millrace/engine/runtime/in-hand";
import { allowAll, type Authorize } from "@millrace/shared/policy/authorize";
import { Bug } from "@millrace/shared/errors/assert";
import { describe, expect, test } from "vitest";
import { Process, simulate, type World } from "../support/world.ts";

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

/** @param watched whether a process leaves word for the next one of what it had in hand at its end */
async function open(partitions: number, watched = false): Promise<Poisoned> {
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
  const options = { inHand, hungOn: () => hungOn };
  const world = await simulate({ flows: [flow], partitions, authorize, ...options });
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
      await publishWithoutEngine(world, topic);
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
    for (const lamp of lamps) await publishWithoutEngine(world, `lamp/${lamp}/a`);
    await publishWithoutEngine(world, "lamp/l3/bad");
    for (const lamp of lamps) await publishWithoutEngine(world, `lamp/${lamp}/a`);
    await supervise(poisoned);
    expect(lamps.map((lamp) => world.instance(`lamp/${lamp}`).context["n"])).toEqual(
      lamps.map(() => 2),
    );
    expect(world.rejections().map(({ code }) => code)).toEqual(["poison"]);
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
    const poisoned = await open(1, true);
    const { world } = poisoned;
    await world.publish("lamp/l1/a", {});
    world.crash();
    for (const topic of ["lamp/l1/a", "lamp/l2/bad", "lamp/l1/a"])
      await publishWithoutEngine(world, topic);
    await supervise(poisoned);
    expect(poisoned.deaths()).toBe(2);
    expect(world.rejections()).toMatchObject([{ code: "poison", cause: { offset: 2 } }]);
    expect(world.instance("lamp/l1").context["n"]).toBe(3);
    expect(world.lines.filter((line) => line.includes("input in hand"))).toEqual([
      expect.stringContaining('"partition":0,"offset":2,"times":1'),
      expect.stringContaining('"partition":0,"offset":2,"times":2'),
    ]);
  });

  test("or a timer", async () => {
    const poisoned = await open(1, true);
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

/** An event that comes while no engine lives. */
async function publishWithoutEngine(world: World, topic: string): Promise<void> {
  const gateway = new Process(world); // takes no partitions
  await gateway.registry.start();
  const payload = Buffer.from("{}");
  await gateway.ingest.write({ ns: "default", client: "c", topic, payload, qos: 1 });
}

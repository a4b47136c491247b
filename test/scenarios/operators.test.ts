import { nextDue } from "@millrace/shared/contract/instance";
import { describe, expect, test } from "vitest";
import { doorFlow, faultFlow, json } from "../support/door.ts";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { simulate, type World } from "../support/world.ts";

/** What operators want of instances, looked at again when it is taken, and when things go wrong around it. */

const lamp = `
flow: lamp
inputs: { press: { topic: lamp/+/press, thing: "\${topic[1]}" } }
machine:
  initial: "off"
  context: { presses: 0, nudges: 0 }
  on:
    nudge: { actions: { assign: { nudges: context.nudges + 1 } } }
  states:
    off: { on: { press: { target: "on", actions: { assign: { presses: context.presses + 1 } } } } }
    "on":
      on: { press: { target: "off", actions: { assign: { presses: context.presses + 1 } } } }
      after: { 60s: "off" }
`;

const started = async (...presses: readonly string[]): Promise<World> => {
  const world = await simulate({ flows: [lamp], partitions: 2 });
  for (const name of presses) await world.publish(`lamp/${name}/press`, {});
  return world;
};

const lampIn = (world: World) => world.instance("lamp/a");
const notSo = (world: World): number => world.process.engine.counters.ignored["not-so"] ?? 0;

describe("an act for instances of one state or status", () => {
  test.each(["pause", "cancel"] as const)("%s: not for one that has moved first", async (act) => {
    const world = await started("a");
    await world.publish("lamp/a/press", {}); // off again before it is taken
    const { seq } = lampIn(world);
    await world.operate("lamp/a", act, { where: { state: "on" } });
    expect([lampIn(world).seq, lampIn(world).status, notSo(world)]).toEqual([seq, "running", 1]);
    await world.operate("lamp/a", act, { where: { state: "off", status: "running" } });
    expect(lampIn(world).seq).toBe(seq + 1);
    expect(lampIn(world).status).toBe(act === "pause" ? "paused" : "cancelled");
    expect(notSo(world)).toBe(1);
  });

  test("resume: for a paused one, by its status; not for one that runs", async () => {
    const world = await started("a", "b");
    await world.operate("lamp/a", "pause");
    for (const name of ["lamp/a", "lamp/b"])
      await world.operate(name, "resume", { where: { status: "paused" } });
    expect(world.history("lamp/a")).toEqual(["press: · > on", "pause: on > on", "resume: on > on"]);
    expect([world.steps("lamp/b").length, notSo(world)]).toEqual([1, 1]);
  });

  test("a signal: for one that is in that state alone, and never for one that has ended", async () => {
    const world = await started("a");
    const nudges = () => lampIn(world).context["nudges"];
    await world.signal("lamp/a", "nudge", {}, "n1", { state: "off" });
    expect([nudges(), notSo(world)]).toEqual([0, 1]);
    await world.signal("lamp/a", "nudge", {}, "n1", { state: "on" });
    expect([nudges(), notSo(world)]).toEqual([1, 1]);
    await world.operate("lamp/a", "cancel");
    await world.signal("lamp/a", "nudge", {}, "n2", {});
    await world.signal("lamp/nobody", "nudge", {}, "n3", {});
    expect([nudges(), notSo(world), world.rejections()]).toEqual([1, 3, []]);
  });
});

describe("an act under one id", () => {
  test("counts once, though what it wants would apply again", async () => {
    const world = await started("a");
    await world.operate("lamp/a", "pause", { id: "p" });
    await world.operate("lamp/a", "resume", { id: "r" });
    await world.operate("lamp/a", "pause", { id: "p" });
    expect(lampIn(world)).toMatchObject({ status: "running", seq: 3 });
    await world.crashAndRecover();
    await world.operate("lamp/a", "pause", { id: "p" });
    expect(lampIn(world)).toMatchObject({ status: "running", seq: 3 });
    await world.operate("lamp/a", "pause", { id: "another" });
    expect(lampIn(world).status).toBe("paused");
  });

  test("a migration, too", async () => {
    const world = await started("a");
    const { version } = lampIn(world);
    const to = await world.publishFlow(lamp.replace("60s", "90s"));
    await world.operate("lamp/a", "migrate", { id: "m", payload: { to } });
    await world.operate("lamp/a", "migrate", { id: "back", payload: { to: version } });
    await world.operate("lamp/a", "migrate", { id: "m", payload: { to } });
    expect(lampIn(world)).toMatchObject({ version, seq: 3 });
  });
});

describe("a paused instance", () => {
  const lose = {
    "its owner ends": (world: World) => world.crashAndRecover(),
    "the store is wiped": async (world: World) => world.states.wipe(),
    "its owner ends, and the store is wiped": async (world: World) => {
      world.crash();
      world.states.wipe();
      await world.recover();
    },
  };

  test.each(Object.entries(lose))(
    "keeps its timers when %s: they wait, and fire when it goes on",
    async (_, happens) => {
      const world = await started("a");
      const { timers } = lampIn(world);
      expect(timers).toHaveLength(1);
      await world.operate("lamp/a", "pause");
      await world.advance(10_000);
      await happens(world);
      await world.advance(120_000);
      expect(lampIn(world)).toMatchObject({ status: "paused", state: "on", seq: 2, timers });
      expect(nextDue(lampIn(world))).toBeUndefined();
      await world.operate("lamp/a", "resume");
      await world.advance(1);
      expect(world.history("lamp/a").slice(2)).toEqual([
        "resume: on > on",
        "xstate.after.60000.lamp.on: on > off",
      ]);
    },
  );

  test.each(Object.entries(lose))(
    "takes what came for it, redriven, once, though %s",
    async (_, happens) => {
      const world = await started("a");
      await world.operate("lamp/a", "pause");
      await world.publish("lamp/a/press", {});
      await world.signal("lamp/a", "nudge", {}, "n");
      expect(world.rejections().map(({ code }) => code)).toEqual(["paused", "paused"]);
      await happens(world);
      await world.advance(10_000);
      await world.operate("lamp/a", "resume");
      for (const nth of [0, 1, 0, 1]) await world.redrive(nth);
      expect(lampIn(world)).toMatchObject({ state: "off", context: { presses: 2, nudges: 1 } });
      const given = world.steps("lamp/a").map(({ cause }) => `${cause.kind} ${cause.type}`);
      expect(given.slice(-2)).toEqual(["redrive press", "redrive nudge"]);
    },
  );
});

describe("a cancelled instance", () => {
  const dropped = async () => {
    const dispatched = await DispatchedWorld.open({ flows: [doorFlow()], partitions: 1 });
    const { world } = dispatched;
    await world.publish("door/d1/badge", { badge: 7 });
    await dispatched.rest();
    return { dispatched, world };
  };

  test("drops the call that it owes: its answer is waited for no more", async () => {
    const { dispatched, world } = await dropped();
    expect(dispatched.http.waiting.size).toBe(1);
    expect(Object.keys(world.instance("door/d1").owed ?? {})).toHaveLength(1);
    await world.operate("door/d1", "cancel", { payload: { reason: "moved out" } });
    await dispatched.rest();
    expect(world.instance("door/d1")).toMatchObject({ status: "cancelled", state: "asking" });
    expect(world.instance("door/d1").owed).toBeUndefined();
    expect(world.steps("door/d1").at(-1)?.cause).toMatchObject({ reason: "moved out" });
    expect(dispatched.http.waiting.size).toBe(0);
    await world.advance(600_000);
    expect(dispatched.http.requests).toHaveLength(1);
    expect(dispatched.dispatcher.facts).toMatchObject({ callsUnderWay: 0 });
  });

  test("and what it owed when it ended, whose outcome cannot be redriven any more", async () => {
    const dispatched = await DispatchedWorld.open({ flows: [faultFlow()], partitions: 1 });
    const { world, http } = dispatched;
    http.host = () => ({ ...json(200, {}), afterMs: 500 });
    await world.publish("fault/f1/fault", { n: 1 });
    await world.operate("fault/f1", "pause");
    await world.advance(1_000);
    expect(world.rejections().map(({ code, cause }) => [code, cause.kind])).toEqual([
      ["paused", "result"],
    ]);
    http.host = () => undefined;
    await world.operate("fault/f1", "resume");
    world.logs.truncate("events", 0, world.logs.bounds("events", 0).end);
    await expect(world.redrive(0)).rejects.toThrow("LOG-006");
    await world.publish("fault/f1/end", {});
    const owed = () => Object.keys(world.instance("fault/f1").owed ?? {}).length;
    expect([world.instance("fault/f1").status, owed()]).toEqual(["done", 2]);
    await world.operate("fault/f1", "pause");
    await world.operate("fault/f1", "resume");
    expect([notSo(world), owed()]).toEqual([2, 2]);
    await world.operate("fault/f1", "cancel");
    expect([world.instance("fault/f1").status, owed()]).toEqual(["done", 0]);
    await world.operate("fault/f1", "cancel");
    expect([notSo(world), world.rejections().length]).toEqual([3, 1]);
  });

  test("and one that was put aside, of which a dispatcher that starts then makes no request", async () => {
    const { dispatched, world } = await dropped();
    await world.advance(2_000);
    expect(world.steps("door/d1").at(-1)?.cause.type).toBe("parked");
    dispatched.dispatcher.kill();
    await world.operate("door/d1", "cancel");
    dispatched.http.host = () => json(200, {});
    await dispatched.crash();
    await world.advance(60_000);
    expect(world.history("door/d1").at(-1)).toBe("cancel: asking > asking");
    expect(dispatched.http.requests).toHaveLength(1);
  });
});

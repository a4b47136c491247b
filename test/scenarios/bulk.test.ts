import { describe, expect, test } from "vitest";
import { ApiWorld } from "../support/api-world.ts";

/** What operators do with many: those that match, as they are when they take it, and not more than was said. */

const lamp = `
flow: lamp
inputs: { press: { topic: lamp/+/press, thing: "\${topic[1]}" } }
machine:
  initial: "off"
  context: { nudges: 0 }
  on: { nudge: { actions: { assign: { nudges: "context.nudges + event.by" } } } }
  states: { "off": { on: { press: "on" } }, "on": { on: { press: "off" } } }
`;

const names = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `l${String(from + i).padStart(2, "0")}`);

async function lit(count: number): Promise<ApiWorld> {
  const api = await ApiWorld.open([lamp]);
  await light(api, names(count));
  return api;
}

async function light(api: ApiWorld, all: readonly string[]): Promise<void> {
  for (const name of all) await api.world.publish(`lamp/${name}/press`, {});
  await api.caughtUp();
}

const all = (api: ApiWorld, count: number, of: "status" | "context") =>
  names(count).map((name) => api.world.instance(`lamp/${name}`)[of]);

describe("a signal to many", () => {
  const signal = { action: "signal", type: "nudge", payload: { by: 2 }, flow: "lamp", state: "on" };

  test("is counted first, and goes to those that match", async () => {
    const api = await lit(3);
    await api.world.publish("lamp/l01/press", {});
    await api.caughtUp();
    const preview = await api.post("/bulk/instances", { ...signal, preview: true });
    expect(preview).toEqual({ status: 202, body: { count: 2 } });
    expect(all(api, 3, "context")).toEqual([{ nudges: 0 }, { nudges: 0 }, { nudges: 0 }]);
    expect(await api.post("/bulk/instances", signal)).toEqual(preview);
    expect(all(api, 3, "context")).toEqual([{ nudges: 2 }, { nudges: 0 }, { nudges: 2 }]);
  });

  test("is looked at again where it is taken: not by one that has moved since", async () => {
    const api = await lit(2);
    await api.world.publish("lamp/l00/press", {}); // the store has yet to learn that it is off
    expect((await api.post("/bulk/instances", signal)).body).toEqual({ count: 2 });
    expect(all(api, 2, "context")).toEqual([{ nudges: 0 }, { nudges: 2 }]);
  });

  test("is for those that run, and says what it is", async () => {
    const api = await lit(2);
    await api.world.operate("lamp/l00", "pause");
    await api.caughtUp();
    expect((await api.post("/bulk/instances", signal)).body).toEqual({ count: 1 });
    expect(api.world.rejections()).toEqual([]);
    const { type: _, ...untyped } = signal;
    const { status, body } = await api.post("/bulk/instances", untyped);
    expect([status, body["facts"]]).toEqual([400, expect.objectContaining({ field: "type" })]);
  });
});

describe("what is done to many", () => {
  test("cancels those that match, and no others", async () => {
    const api = await lit(3);
    await api.world.publish("lamp/l01/press", {});
    await api.caughtUp();
    const cancel = { action: "cancel", flow: "lamp", state: "on" };
    expect((await api.post("/bulk/instances", cancel)).body).toEqual({ count: 2 });
    expect(all(api, 3, "status")).toEqual(["cancelled", "running", "cancelled"]);
  });

  test.each(["/bulk/instances", "/bulk/redrive"])(
    "%s says which, or that it is for all",
    async (path) => {
      const api = await lit(2);
      const body = path.endsWith("redrive") ? { until: 1e14 } : { action: "cancel" };
      const { status, body: problem } = await api.post(path, body);
      expect([status, problem["code"], problem["facts"]]).toEqual([
        400,
        "API-002",
        { field: "all", problem: expect.stringContaining("or true, for all there are") as string },
      ]);
      expect(all(api, 2, "status")).toEqual(["running", "running"]);
      expect((await api.post(path, { ...body, all: true })).status).toBe(202);
      const after = path.endsWith("redrive") ? "running" : "cancelled";
      expect(all(api, 2, "status")).toEqual([after, after]);
    },
  );

  test("is for no more than `max`, whatever has begun to match since it was counted", async () => {
    const api = await lit(12);
    const cancel = { action: "cancel", flow: "lamp", max: 12, limit: 5 };
    const preview = await api.post("/bulk/instances", { ...cancel, limit: 500, preview: true });
    expect(preview.body).toEqual({ count: 12 });
    await light(api, names(5, 12));
    const { status, body } = await api.post("/bulk/instances", cancel);
    expect([status, body["facts"]]).toEqual([
      400,
      { field: "max", problem: "it is for 17, and 12 is the most; nothing of this page was done" },
    ]);
    expect(new Set(all(api, 17, "status"))).toEqual(new Set(["running"]));
    expect((await api.post("/bulk/instances", { ...cancel, max: 17 })).status).toBe(202);
    const cancelled = all(api, 17, "status").filter((status) => status === "cancelled");
    expect(cancelled).toHaveLength(5);
  });

  test("is held to `max` from each page on", async () => {
    const api = await lit(12);
    const pause = { action: "pause", flow: "lamp", limit: 5 };
    const first = await api.post<{ next: string }>("/bulk/instances", { ...pause, max: 12 });
    await light(api, names(5, 12));
    const then = { ...pause, cursor: first.body.next };
    expect((await api.post("/bulk/instances", { ...then, max: 7 })).status).toBe(400);
    expect((await api.post("/bulk/instances", { ...then, max: 12 })).status).toBe(202);
  });

  test("is for 100 at the most, unless more are said on purpose", async () => {
    const api = await lit(101);
    const { status, body } = await api.post("/bulk/instances", { action: "pause", flow: "lamp" });
    expect([status, body["facts"]]).toMatchObject([400, { field: "max" }]);
  });

  test("migrates no more than `max`", async () => {
    const api = await lit(3);
    await api.world.publishFlow(lamp.replace("nudges: 0", "nudges: 1"));
    const { status, body } = await api.post("/flows/lamp/migrate", { max: 2, limit: 1 });
    expect([status, body["facts"]]).toMatchObject([400, { field: "max" }]);
    expect(api.world.steps("lamp/l00")).toHaveLength(1);
    expect((await api.post("/flows/lamp/migrate", { max: 3, limit: 1 })).body).toMatchObject({
      count: 1,
    });
    expect(api.world.steps("lamp/l00")).toHaveLength(2);
  });
});

describe("what is redriven", () => {
  const bell = lamp.replace("flow: lamp", "flow: bell");

  interface Rejected {
    readonly items: readonly {
      id: string;
      flow: string;
      traceId?: string;
      cause: { type: string };
    }[];
  }

  async function paused(): Promise<ApiWorld> {
    const api = await ApiWorld.open([lamp, bell]);
    await light(api, ["l00"]);
    for (const name of ["lamp/l00", "bell/l00"]) await api.world.operate(name, "pause");
    await api.world.publish("lamp/l00/press", {});
    await api.world.signal("bell/l00", "nudge", { by: 3 }, "n");
    for (const name of ["lamp/l00", "bell/l00"]) await api.world.operate(name, "resume");
    await api.caughtUp();
    return api;
  }

  const rejected = async (api: ApiWorld) => (await api.get<Rejected>("/rejected")).body.items;

  test("is for the flow that rejected it, of two", async () => {
    const api = await paused();
    const both = (await rejected(api)).filter(({ cause }) => cause.type === "press");
    expect(both.map(({ flow }) => flow).toSorted()).toEqual(["bell", "lamp"]);
    expect(new Set(both.map(({ traceId }) => traceId)).size).toBe(1);
    const ofBell = both.find(({ flow }) => flow === "bell");
    expect((await api.post(`/rejected/${ofBell?.id}/redrive`)).status).toBe(202);
    expect(api.world.instance("bell/l00").state).toBe("off");
    expect(api.world.instance("lamp/l00").state).toBe("on");
  });

  test("shows its trace, in the list and by itself, and when the store was rebuilt", async () => {
    const api = await paused();
    const traces = async () => (await rejected(api)).map(({ traceId }) => traceId);
    const before = await traces();
    expect(before.map((trace) => /^[0-9a-f]{32}$/.test(trace ?? ""))).toEqual([true, true, true]);
    const [first] = await rejected(api);
    const alone = await api.get<{ traceId: string }>(`/rejected/${first?.id}`);
    expect(alone.body.traceId).toBe(first?.traceId);
    api.world.states.wipe();
    await api.world.advance(10_000);
    expect(await traces()).toEqual(before);
  });

  test("is a signal, too", async () => {
    const api = await paused();
    const nudge = (await rejected(api)).find(({ cause }) => cause.type === "nudge");
    await api.post(`/rejected/${nudge?.id}/redrive`);
    expect(api.world.instance("bell/l00")).toMatchObject({ state: "on", context: { nudges: 3 } });
    expect(api.world.steps("bell/l00").at(-1)?.cause).toMatchObject({
      kind: "redrive",
      type: "nudge",
      redrive: nudge?.id,
    });
  });

  test("are all there are, where that is said", async () => {
    const api = await paused();
    expect((await api.post("/bulk/redrive", { all: true, max: 2 })).status).toBe(400);
    expect(api.world.instance("lamp/l00").state).toBe("on");
    expect((await api.post("/bulk/redrive", { all: true })).body).toEqual({ count: 3 });
    expect(api.world.instance("bell/l00")).toMatchObject({ state: "off", context: { nudges: 3 } });
    expect(api.world.instance("lamp/l00").state).toBe("off");
  });

  test("cannot be what the log has no more, which is said: LOG-006", async () => {
    const api = await paused();
    const { logs } = api.world;
    const [first] = await rejected(api);
    for (const partition of [0, 1])
      logs.truncate("events", partition, logs.bounds("events", partition).end);
    const { status, body } = await api.post(`/rejected/${first?.id}/redrive`);
    expect([status, body["code"]]).toEqual([410, "LOG-006"]);
    expect(body["detail"]).toMatch(/^events\/\d begins at \d+; the input, at \d+, is deleted$/);
    expect((await api.post("/bulk/redrive", { all: true })).body).toEqual({ count: 0 });
  });
});

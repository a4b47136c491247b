import type { HttpFailureReason } from "@millrace/shared/ports/http-client";
import { describe, expect, test } from "vitest";
import { doorFlow, faultFlow, json, openCalls as open } from "../support/door.ts";

/**
 * Calls on their way to hosts and back.
 *
 * Attacks: U2 and U3 of under-way.ts.
 */

const id = "default/door/d1/0/1/0";
const done = "xstate.done.actor.ask";

describe("a call that is answered", () => {
  test("goes out once, and the state that waits for it moves on", async () => {
    const { badge, http, door, causes, counters } = await open(doorFlow());
    http.host = () => json(200, { name: "ann" }, { "set-cookie": "x=1", etag: '"e"' });
    await badge(7);
    expect(http.requests).toMatchObject([
      { method: "GET", headers: { "user-agent": "millrace", "idempotency-key": id } },
    ]);
    expect(http.requests[0]?.url.href).toBe("https://people.example/7");
    expect(http.requests[0]?.body).toBeUndefined();
    expect(causes()).toEqual(["badge", done]);
    expect(door().state).toBe("open");
    expect(door().owed).toBeUndefined();
    expect(door().context["answer"]).toEqual({
      status: 200,
      headers: { "content-type": "application/json", etag: '"e"' },
      body: { name: "ann" },
    });
    expect(counters()).toMatchObject({ callsDone: 1, callsFailed: 0, callsRetried: 0, parked: 0 });
  });

  test("carries the trace of the publish that caused it", async () => {
    const { badge, http, world } = await open(doorFlow());
    await badge();
    const [event] = Array.from({ length: 4 }, (_, p) => world.logs.all("events", p)).flat();
    const { trace } = JSON.parse(String(event?.header)) as { trace: string };
    expect(trace).toMatch(/^00-[0-9a-f]{32}-/);
    expect(http.requests[0]?.headers["traceparent"]).toBe(trace);
  });

  test("is told to a flow that went on", async () => {
    const { publish, http, world } = await open(faultFlow());
    http.host = ({ body }) => json(201, { got: body });
    await publish("fault/f1/fault", { n: 1 });
    expect(http.requests).toMatchObject([
      { method: "POST", body: '{"n":1}', headers: { "content-type": "application/json" } },
    ]);
    expect(world.instance("fault/f1").context["told"]).toEqual([{ got: '{"n":1}' }]);
  });

  test("holds the bookmark for a second, is put aside then, and is answered all the same", async () => {
    const { badge, http, causes, world, bookmark, counters } = await open(doorFlow(), {
      partitions: 1,
    });
    http.host = () => ({ ...json(200, 1), afterMs: 3_000 });
    await badge();
    await world.advance(999);
    expect([causes(), bookmark()]).toEqual([["badge"], 1]); // the claim is below it, the step is not
    await world.advance(1);
    expect(causes()).toEqual(["badge", "parked"]);
    expect(bookmark()).toBe(3);
    expect(counters()).toMatchObject({ callsUnderWay: 1, parked: 1 });
    await world.advance(2_000);
    expect(causes()).toEqual(["badge", "parked", done]);
    expect(http.requests).toHaveLength(1);
    expect(counters()).toMatchObject({ callsUnderWay: 0, callsDone: 1 });
  });
});

describe("a call that is not answered well", () => {
  test("times out, is tried again as often as the flow says, and is an error then", async () => {
    const { badge, http, door, world, counters } = await open(
      doorFlow(", timeout: 5s, retries: 2"),
    );
    await badge();
    await world.advance(4_999);
    expect(http.waiting.size).toBe(1);
    await world.advance(1);
    expect(http.waiting.size).toBe(0);
    await world.advance(20_000);
    expect(door().state).toBe("shut");
    expect(door().context["error"]).toEqual({
      reason: "timeout",
      message: "people.example did not answer within 5000 ms",
      attempts: 3,
    });
    expect(http.requests).toHaveLength(3);
    expect(counters()).toMatchObject({ callsRetried: 2, callsFailed: 1, callsUnderWay: 0 });
  });

  test("has five minutes for an attempt, and no more", async () => {
    const { badge, http, world, door } = await open(doorFlow(", timeout: 1d, retries: 0"));
    await badge();
    await world.advance(299_999);
    expect(http.waiting.size).toBe(1);
    await world.advance(1);
    expect(door().context["error"]).toMatchObject({ reason: "timeout" });
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("with %i is tried again", async (status) => {
    const { badge, http, door, world } = await open(doorFlow());
    http.host = (_, nth) => (nth < 3 ? json(status, {}) : json(200, "late"));
    await badge();
    await world.advance(10_000);
    expect(http.requests).toHaveLength(3);
    expect(door().context["answer"]).toMatchObject({ status: 200, body: "late" });
  });

  test.each([301, 302, 307, 400, 401, 404, 409])("with %i is an error at once", async (status) => {
    const { badge, http, door } = await open(doorFlow());
    http.host = () => json(status, { no: true }, { location: "http://10.0.0.1/" });
    await badge();
    expect(http.requests).toHaveLength(1);
    const redirected = status < 400 ? "; redirects are not followed" : "";
    expect(door().context["error"]).toEqual({
      reason: "status",
      status,
      body: { no: true },
      message: `people.example answered ${status}${redirected}`,
      attempts: 1,
    });
  });

  test.each<[HttpFailureReason, number]>([
    ["refused", 4],
    ["dns", 4],
    ["connection", 4],
    ["timeout", 4],
    ["tls", 1],
    ["not-allowed", 1],
    ["too-large", 1],
  ])("for the reason `%s` makes %i attempts", async (fails, attempts) => {
    const { badge, http, door, world } = await open(doorFlow());
    http.host = () => ({ fails });
    await badge();
    await world.advance(20_000);
    expect(http.requests).toHaveLength(attempts);
    expect(door().context["error"]).toMatchObject({ reason: fails, attempts });
  });

  test("is tried again after pauses that double at the most, each of them by chance", async () => {
    const { badge, http, world } = await open(doorFlow(", retries: 20"), {
      dispatch: { circuitFailures: 1_000 },
    });
    const at: number[] = [];
    http.host = () => {
      at.push(world.clock.wallMs());
      return { status: 500 };
    };
    await badge();
    await world.advance(600_000);
    const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    expect(pauses).toHaveLength(20);
    const most = pauses.map((_, i) => Math.min(500 * 2 ** i, 30_000));
    expect(pauses.filter((pause, i) => pause > (most[i] ?? 0))).toEqual([]);
    expect(new Set(pauses.map((pause, i) => pause / (most[i] ?? 1))).size).toBeGreaterThan(15);
  });

  test.each([
    ["20", 20_000],
    ["86400", 60_000],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
  ])("waits as long as a host asks for with %s, and a minute at most", async (value, ms) => {
    const { badge, http, world } = await open(doorFlow());
    http.host = (_, nth) => (nth === 1 ? json(429, {}, { "retry-after": value }) : json(200, 1));
    await badge();
    await world.advance(ms - 1);
    expect(http.requests).toHaveLength(1);
    await world.advance(1);
    expect(http.requests).toHaveLength(2);
  });

  test("is an error where the answer is too large for an instance", async () => {
    const { badge, http, door } = await open(doorFlow());
    http.host = () => json(200, "x".repeat(64 * 1_024));
    await badge();
    expect(door().context["error"]).toEqual({
      reason: "too-large",
      status: 200,
      message: "the answer of people.example is larger than 65536 bytes",
      attempts: 1,
    });
  });

  test("is an error to a state whose machine cannot take the answer", async () => {
    const { badge, http, door, world } = await open(
      doorFlow().replace("answer: event.output", "name: event.output.body.name"),
    );
    http.host = () => ({ status: 200, body: "not JSON" });
    await badge();
    expect(door().state).toBe("shut");
    expect(door().context["error"]).toMatchObject({ reason: "rejected" });
    expect(world.rejections()).toEqual([]);
  });

  test("is shown to operators, and made no more, where nobody can take the answer", async () => {
    const { publish, http, world, dispatched } = await open(
      faultFlow().replace("[event.output.body]", "[event.output.body.n.o]"),
    );
    http.host = () => ({ ...json(200, 1), afterMs: 2_000 });
    await publish("fault/f1/fault", { n: 1 });
    await world.advance(5_000);
    expect(world.rejections()).toMatchObject([{ code: "expression", flow: "fault" }]);
    await dispatched.crash();
    await world.advance(60_000);
    expect(http.requests).toHaveLength(1);
  });
});

describe("a call that nobody waits for any more", () => {
  test.each([
    ["under way", 100],
    ["put aside", 5_000],
  ])("while it is %s is broken off when its state is left", async (_, ms) => {
    const { badge, publish, world, http, counters, door } = await open(doorFlow());
    await badge();
    await world.advance(ms);
    await publish("door/d1/leave");
    expect(http.waiting.size).toBe(0);
    expect(counters()).toMatchObject({ dropped: 1, callsUnderWay: 0, callsFailed: 0 });
    await world.advance(60_000);
    expect(http.requests).toHaveLength(1);
    expect(door().state).toBe("idle");
  });

  test.each([
    ["under way", 100],
    ["put aside", 5_000],
  ])(
    "while it is %s is broken off when its instance ends, and is no later run's",
    async (_, ms) => {
      const flow = doorFlow().replace("on: { leave: idle }", "on: { leave: gone }");
      const { badge, publish, world, http, door } = await open(
        `${flow}    gone: { type: final }\n`,
      );
      await badge(7);
      await world.advance(ms);
      await publish("door/d1/leave");
      expect([door().status, door().owed, http.waiting.size]).toEqual(["done", undefined, 0]);
      await badge(8);
      expect(http.waiting.size).toBe(1);
      expect(http.requests.at(-1)?.url.pathname).toBe("/8");
      expect(Object.keys(door().owed ?? {})).toHaveLength(1);
    },
  );

  test("is broken off when its instance fails for another reason", async () => {
    const { badge, http, door } = await open(`
flow: door
inputs: { badge: { topic: door/+/badge, thing: "\${topic[1]}" } }
machine:
  type: parallel
  states:
    a: { invoke: { src: call, id: one, input: { url: https://a.example/ } } }
    b: { invoke: { src: call, id: two, input: { url: https://b.example/ } } }
`);
    http.host = ({ url }) => (url.host === "a.example" ? { status: 404 } : undefined);
    await badge();
    expect([door().status, door().owed, http.waiting.size]).toEqual(["failed", undefined, 0]);
  });

  test("is not made where its state was left in the same step", async () => {
    const flow = doorFlow().replace("on: { leave: idle }", "always: { target: idle }");
    const { badge, http, door, counters } = await open(flow);
    await badge();
    expect(http.requests).toEqual([]);
    expect([door().state, counters()["callsUnderWay"]]).toEqual(["idle", 0]);
  });

  test("but was asked for by an action is made after the end, too, and told to no other run", async () => {
    const { publish, world, http, dispatched } = await open(faultFlow());
    await publish("fault/f1/fault", { n: 1 });
    await publish("fault/f1/end");
    await world.advance(5_000);
    await publish("fault/f1/fault", { n: 2 });
    await world.advance(5_000);
    const before = http.requests.map(({ body }) => body);
    expect(new Set(before)).toEqual(new Set(['{"n":1}', '"bye"', '{"n":2}']));
    await dispatched.crash();
    http.host = ({ body }) => json(200, body);
    await world.advance(60_000);
    expect(new Set(http.requests.slice(before.length).map(({ body }) => body))).toEqual(
      new Set(before),
    );
    const { context, owed } = world.instance("fault/f1");
    expect(context["told"]).toEqual(['{"n":2}']);
    expect(owed).toBeUndefined();
  });
});

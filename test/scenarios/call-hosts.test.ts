import { describe, expect, test } from "vitest";
import type { Root, Span, SpanStart, Tracer } from "@millrace/shared/ports/tracer";
import { doorFlow, faultFlow, openCalls as open } from "../support/door.ts";

/**
 * Hosts that are slow, fail, or are not allowed; and the secrets that calls carry to them.
 *
 * Attacks: H3 and H4 of calls.ts.
 */

const doors = (count: number) => Array.from({ length: count }, (_, n) => `d${n + 1}`);

describe("calls to one host", () => {
  test("are so many at a time, and the others wait in line", async () => {
    const { badge, http, world } = await open(doorFlow(), {
      dispatch: { callsAtOnceMax: 3 },
    });
    http.host = () => ({ status: 200, afterMs: 100 });
    for (const door of doors(10)) await badge(7, door);
    expect(http.requests).toHaveLength(3);
    await world.advance(100);
    expect(http.requests).toHaveLength(6);
    await world.advance(300);
    expect(doors(10).map((door) => world.instance(`door/${door}`).state)).toEqual(
      doors(10).map(() => "open"),
    );
    expect(http.atOnceMax).toBe(3);
  });

  test("do not wait in a line without end, nor for other hosts", async () => {
    const dispatch = { callsAtOnceMax: 2, callsWaitingMax: 3 };
    const flow = doorFlow(", retries: 0").replace(
      "https://people.example/${event.badge}",
      "https://${event.badge}/",
    );
    const { badge, http, error } = await open(flow, { dispatch });
    for (const door of doors(6)) await badge("people.example", door);
    expect(error("d5")).toBeUndefined();
    expect(error("d6")).toEqual({
      reason: "queue-full",
      message: "too many calls wait for people.example",
      attempts: 0,
    });
    await badge("tickets.example", "d7");
    expect(http.requests.map(({ url }) => url.host)).toEqual([
      "people.example",
      "people.example",
      "tickets.example",
    ]);
  });

  test("leave the line when nobody waits for them any more", async () => {
    const { badge, dispatched, world, http } = await open(doorFlow(), {
      dispatch: { callsAtOnceMax: 1 },
    });
    for (const door of doors(3)) await badge(7, door);
    await world.publish("door/d2/leave", {});
    await dispatched.rest();
    http.host = () => ({ status: 200 });
    http.answer("default/door/d1/0/1/0", { status: 200 });
    await world.advance(1_000);
    expect(http.requests.map(({ headers }) => headers["idempotency-key"]?.split("/")[2])).toEqual([
      "d1",
      "d3",
    ]);
  });
});

test("a request that is broken off makes room for the next", async () => {
  const { badge, dispatched, world, http } = await open(doorFlow(), {
    dispatch: { callsAtOnceMax: 1 },
  });
  for (const door of doors(2)) await badge(7, door);
  await world.publish("door/d1/leave", {});
  await dispatched.rest();
  expect(http.requests.map(({ headers }) => headers["idempotency-key"])).toEqual([
    "default/door/d1/0/1/0",
    expect.stringMatching(/^default\/door\/d2\//),
  ]);
});

describe("a host that fails again and again", () => {
  test("is not called for a while, then probed by one call, then called as before", async () => {
    const { badge, http, world, error, counters } = await open(doorFlow(", retries: 0"));
    let fails = true;
    http.host = () => (fails ? { status: 500 } : { status: 200, afterMs: 10 });
    for (const door of doors(5)) await badge(7, door);
    expect([http.requests.length, counters()["circuitsOpen"]]).toEqual([5, 1]);
    expect(world.lines.filter((line) => line.includes("people.example"))).toContainEqual(
      expect.stringMatching(/^warn a host fails/),
    );

    await badge(7, "d6");
    expect(error("d6")).toEqual({
      reason: "circuit-open",
      message: "people.example has failed again and again, and is not called for a while",
      attempts: 0,
    });
    await world.advance(30_000);
    await badge(7, "d7"); // the probe fails
    await badge(7, "d8");
    expect(http.requests).toHaveLength(6);
    expect(error("d7")?.reason).toBe("status");
    expect(error("d8")?.reason).toBe("circuit-open");

    fails = false;
    await world.advance(30_000);
    await badge(7, "d9"); // the probe is under way
    await badge(7, "d10");
    expect(error("d10")?.reason).toBe("circuit-open");
    await world.advance(10);
    await badge(7, "d11");
    await badge(7, "d12");
    expect([http.requests.length, counters()["circuitsOpen"]]).toEqual([9, 0]);
  });

  test("answers those in line at once that it is not called", async () => {
    const { badge, http, error } = await open(doorFlow(", retries: 0"), {
      dispatch: { callsAtOnceMax: 1, circuitFailures: 1 },
    });
    for (const door of doors(3)) await badge(7, door);
    http.answer("default/door/d1/0/1/0", { status: 500 });
    await new Promise(setImmediate);
    expect(http.requests).toHaveLength(1);
    await expect.poll(() => error("d3")?.reason).toBe("circuit-open");
  });

  test("costs no other host anything, and one that says no is not failing", async () => {
    const flow = doorFlow(", retries: 0").replace("people.example/", "");
    const { badge, http, counters } = await open(flow);
    http.host = ({ url }) => ({ status: url.host === "a.example" ? 500 : 404 });
    for (const door of doors(8)) await badge("a.example", door);
    for (const door of doors(8)) await badge("b.example", `${door}b`);
    expect(http.requests.filter(({ url }) => url.host === "a.example")).toHaveLength(5);
    expect(http.requests.filter(({ url }) => url.host === "b.example")).toHaveLength(8);
    expect(counters()["circuitsOpen"]).toBe(1);
  });
});

describe("a call that must not go out", () => {
  const anyUrl = doorFlow().replace("https://people.example/${event.badge}", "${event.badge}");

  test.each([
    [[], "https://people.example/", "no call goes out: MILLRACE_CALL_HOSTS names no host"],
    [["x.example"], "https://people.example/", "MILLRACE_CALL_HOSTS does not have people.example"],
    [
      ["people.example:443"],
      "http://people.example/",
      "MILLRACE_CALL_HOSTS does not have people.example",
    ],
    [["*"], "http://127.0.0.1:8080/", "MILLRACE_CALL_HOSTS does not have 127.0.0.1:8080"],
    [["*"], "http://[::ffff:a00:1]/", "MILLRACE_CALL_HOSTS does not have [::ffff:a00:1]"],
  ])("because of what is allowed (%j) to %s", async (callHosts, url, message) => {
    const { badge, http, error } = await open(anyUrl, { callHosts });
    await badge(url, "d1");
    expect(http.requests).toEqual([]);
    expect(error()).toEqual({ reason: "not-allowed", message, attempts: 0 });
  });

  test.each([
    ["people", "the URL cannot be read"],
    ["ftp://people.example/", "the URL must begin with http:// or https://"],
    [
      "https://me:pass@people.example/",
      "the URL has a user name or password; they go into a header",
    ],
  ])("to %s", async (url, message) => {
    const { badge, http, error, world } = await open(anyUrl);
    await badge(url, "d1");
    expect(http.requests).toEqual([]);
    expect(error()).toEqual({ reason: "invalid", message, attempts: 0 });
    expect(world.lines.join()).not.toContain("pass@");
  });

  test.each([
    ["{ host: other.example }", 'a call cannot have the header "host"'],
    ["{ Content-Length: '3' }", 'a call cannot have the header "Content-Length"'],
    ["{ 'a b': x }", 'a call cannot have the header "a b"'],
    ['{ x: "a\\r\\nb: c" }', "the header x has characters that no header can have"],
  ])("with the headers %s", async (headers, message) => {
    const { badge, http, error } = await open(doorFlow(`, headers: ${headers}`));
    await badge();
    expect(http.requests).toEqual([]);
    expect(error()).toEqual({ reason: "invalid", message, attempts: 0 });
  });
});

describe("a secret", () => {
  const secretive = faultFlow(
    ', headers: { authorization: "Bearer ${secret.tickets}" }, retries: 1',
  ).replace(
    "https://tickets.example/, body: { n",
    '"https://tickets.example/${secret.path}", body: { pin: "${secret.pin}", n',
  );
  const secrets = { tickets: "s3cret-token", path: "s3cret-path", pin: "s3cret-pin" };

  /** All that is recorded of spans, sampled or not. */
  class Recorder implements Tracer {
    readonly recorded: string[] = [];

    nowMs(): number {
      return 0;
    }

    root(name: string, parent: string | undefined, start: SpanStart): Root {
      const trace = parent ?? "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      return { trace, span: this.begin(name, trace, start) };
    }

    begin(...start: [name: string, parent: string | undefined, start: SpanStart]): Span {
      this.recorded.push(JSON.stringify(start));
      const trace = start[1] ?? "";
      return { trace, end: (more) => this.recorded.push(JSON.stringify(more ?? {})) };
    }
  }

  /** Everything that stands in any log, and that was told to operators. */
  const all = (world: Awaited<ReturnType<typeof open>>["world"]): string => {
    const records = (["events", "journal", "registry"] as const).flatMap((topic) =>
      Array.from({ length: topic === "registry" ? 1 : world.logs.partitions }, (_, p) =>
        world.logs.all(topic, p),
      ).flat(),
    );
    const texts = records.map(({ header, value }) => `${header} ${value?.toString() ?? ""}`);
    return [...texts, ...world.lines].join("\n");
  };

  test("is in the request, and nowhere else", async () => {
    const tracer = new Recorder();
    const { world, dispatched, http } = await open(secretive, { secrets, tracer });
    http.host = (_, nth) => (nth === 1 ? { fails: "connection", afterMs: 2_000 } : { status: 500 });
    await world.publish("fault/f1/fault", { n: 1 });
    await world.advance(10_000);
    await dispatched.crash();
    const [request] = http.requests;
    expect(request?.url.pathname).toBe("/s3cret-path");
    expect(request?.headers["authorization"]).toBe("Bearer s3cret-token");
    expect(JSON.parse(request?.body ?? "")).toEqual({ pin: "s3cret-pin", n: 1 });
    expect(world.instance("fault/f1").context["failed"]).toEqual(["status"]);
    expect(all(world)).toContain("tickets.example answered 500");
    expect(all(world)).not.toContain("s3cret");
    const spans = tracer.recorded.join("\n");
    expect(spans).toContain('"server.address":"tickets.example"');
    expect(spans).not.toContain("s3cret");
  });

  test("that is changed is the new one at the next attempt", async () => {
    const changing = { ...secrets };
    const { world, http } = await open(secretive, { secrets: changing });
    http.host = () => {
      changing.tickets = "newer";
      return { status: 503 };
    };
    await world.publish("fault/f1/fault", { n: 1 });
    await world.advance(10_000);
    expect(http.requests.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer s3cret-token",
      "Bearer newer",
    ]);
  });

  test("that is not there ends the call, and nothing goes out", async () => {
    const { world, http } = await open(secretive, { secrets: { path: "s3cret-path" } });
    await world.publish("fault/f1/fault", { n: 1 });
    await world.advance(1_000);
    expect(http.requests).toEqual([]);
    expect(world.instance("fault/f1").context["failed"]).toEqual(["secret"]);
    expect(world.lines.at(-1)).toMatch(/has no file (tickets|pin)/);
  });

  test("in the name of a host is not told, even where the host is refused", async () => {
    const flow = doorFlow().replace("https://people.example/", "https://${secret.host}.example/");
    const tracer = new Recorder();
    const { badge, error, world } = await open(flow, {
      secrets: { host: "s3cret" },
      callHosts: ["people.example"],
      tracer,
    });
    await badge();
    expect(error()?.message).toBe("MILLRACE_CALL_HOSTS does not have the host");
    expect(all(world)).not.toContain("s3cret");
    expect(tracer.recorded.join("\n")).not.toContain("s3cret");
  });

  test("with a line break in it is no header, and is not told", async () => {
    const { world, http } = await open(secretive, { secrets: { ...secrets, tickets: "s3c\nret" } });
    await world.publish("fault/f1/fault", { n: 1 });
    await world.advance(1_000);
    expect(http.requests).toEqual([]);
    expect(world.instance("fault/f1").context["failed"]).toEqual(["invalid"]);
    expect(all(world)).not.toContain("s3c");
  });
});

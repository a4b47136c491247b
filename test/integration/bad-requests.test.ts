import { fileURLToPath } from "node:url";
import type { Operations } from "@millrace/gateway/api/operations";
import { isStream } from "@millrace/gateway/api/route";
import { routesOf } from "@millrace/gateway/api/routes";
import { RawClient } from "@millrace/gateway/listen/testing/raw-client";
import { beforeAll, describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { embeddedInstallation, runMillrace, sharedProcess } from "../support/millrace.ts";
import { until } from "../support/until.ts";

/** A request that cannot be answered is told why, as a problem; and strangers are kept out. */

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

/** Members that a body must have, by operation. */
const bodies: Readonly<Record<string, object>> = {
  publishFlows: { text: "flow: other\nmachine: {}" },
  signalInstance: { type: "tick" },
  operateMany: { action: "cancel", flow: "counting" },
  redriveMany: { flow: "counting" },
};

/** What every refusal says. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The operations of the API, with a path and a body that each of them would take. */
const operations = routesOf({} as Operations).map((route) => ({
  id: route.id,
  method: isStream(route) ? "GET" : route.method,
  path: route.path
    .replace("/traces/{id}", `/traces/${"0".repeat(31)}1`)
    .replace("{id}", "0-1")
    .replace("{version}", "0123abcd")
    .replace("{flow}", "counting")
    .replace("{key}", "d1")
    .replace("{name}", "nobody"),
  body: bodies[route.id] ?? {},
}));

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json\b/);
  const problem = (await response.json()) as Problem;
  expect(Object.keys(problem)).toEqual(["type", "title", "status", "code", "detail", "facts"]);
  const { type, status, code } = problem;
  expect([type, status]).toEqual([`urn:millrace:error:${code}`, response.status]);
  return problem;
}

describe("the HTTP API", () => {
  const millrace = sharedProcess(() => embeddedInstallation(flows));
  /** As long as a key may be: 256 bytes, 768 in a URL. */
  const longKey = "ü".repeat(128);

  beforeAll(async () => {
    for (const name of ["d1", longKey]) {
      const client = await RawClient.connect(Number(new URL(millrace().mqtt).port), "c");
      client.publish(`count/${name}/tick`, '{"id":"first"}', 1);
      await client.next("puback");
      client.close();
      await until(async () => (await millrace().instance("counting", name)) !== undefined);
    }
  });

  const signal = (
    body: string | Buffer | undefined,
    { type = "application/json", to = "counting/d1" } = {},
  ): Promise<Response> =>
    fetch(`${millrace().http}/v1/instances/${to}/signals`, {
      method: "POST",
      headers: { "content-type": type },
      ...(body !== undefined && { body }),
    });

  const ask = (path: string): Promise<Response> => fetch(`${millrace().http}${path}`);

  const asJson = (body: object): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

  const tooBig = JSON.stringify({ type: "tick", payload: { id: "x".repeat(256 * 1_024) } });

  test.each<[what: string, body: string | undefined, field: string, problem: string]>([
    ["without a type", "{}", "type", "expected string, received undefined"],
    ["whose type is a number", '{"type":5}', "type", "expected string, received number"],
    ["whose type is empty", '{"type":""}', "type", "Too small"],
    ["whose type is the machine's own", '{"type":"xstate.stop"}', "type", "the machine's own"],
    ["whose type is too long", `{"type":"${"x".repeat(129)}"}`, "type", "Too big"],
    ["whose payload is a list", '{"type":"tick","payload":[1]}', "payload", "received array"],
    ["whose id is no text", '{"type":"tick","id":7}', "id", "received number"],
    [
      "with a member that there is not",
      '{"type":"tick","payloads":{}}',
      "payloads",
      "Unrecognized",
    ],
    ["that is a list", "[]", "request", "expected object, received array"],
    ["that is not JSON", "{broken", "body", "not valid JSON"],
    ["that is empty", "", "body", "empty"],
    ["that is over 256 KiB", tooBig, "body", "too large"],
  ])("refuses a signal %s: it names the field", async (_, body, field, problem) => {
    const { status, code, facts, detail } = await problemOf(await signal(body));
    expect([status, code]).toEqual([body === tooBig ? 413 : 400, "API-002"]);
    expect(facts).toEqual({ field, problem: expect.stringContaining(problem) as string });
    expect(detail).toBe(`${field}: ${facts["problem"] as string}`);
  });

  test.each(["text/plain", "application/xml"])("refuses a body of %s", async (type) => {
    const { status, code } = await problemOf(await signal('{"type":"tick"}', { type }));
    expect([status, code]).toEqual([415, "API-002"]);
  });

  test.each([
    ["instance", "counting/nobody", "instance counting/nobody in namespace default"],
    ["flow", "nothing/d1", "instance nothing/d1 in namespace default"],
  ])("knows no %s of that name", async (_, to, what) => {
    const problem = await problemOf(await signal('{"type":"tick"}', { to }));
    expect(problem).toMatchObject({ status: 404, code: "API-001", facts: { what } });
  });

  test.each([
    ["/v1/instances?limit=0", "limit"],
    ["/v1/instances?limit=ten", "limit"],
    ["/v1/instances?status=asleep", "status"],
    ["/v1/instances?flwo=counting", "flwo"],
    ["/v1/rejected?state=busy", "state"],
    ["/v1/instances/counting/d1/history?cursor=0", "cursor"],
    ["/v1/instances/counting/%zz", "path"],
    ["/v1/instances/counting/%ff", "path"],
    [`/v1/instances/counting/${"k".repeat(257)}`, "path"],
  ])("refuses GET %s", async (path, field) => {
    const { status, facts } = await problemOf(await ask(path));
    expect([status, facts["field"]]).toEqual([400, field]);
  });

  test.each([
    ["instances", { action: "cancel" }, "all"],
    ["instances", { action: "cancel", all: false }, "all"],
    ["instances", { action: "stop", flow: "counting" }, "action"],
    ["instances", { action: "signal", flow: "counting" }, "type"],
    ["instances", { action: "pause", flow: "counting", type: "tick" }, "type"],
    ["instances", { action: "cancel", flow: "counting", max: 0 }, "max"],
    ["redrive", {}, "all"],
    ["redrive", { until: 1 }, "all"],
    ["redrive", { code: "schema", max: -1 }, "max"],
  ])("refuses POST /v1/bulk/%s of %j, and does nothing", async (path, body, field) => {
    const answer = await fetch(`${millrace().http}/v1/bulk/${path}`, asJson(body));
    const { status, facts } = await problemOf(answer);
    expect([status, facts["field"]]).toEqual([400, field]);
    expect((await millrace().instance("counting", "d1"))?.status).toBe("running");
  });

  const refusesUnheard = async (answer: Response): Promise<void> => {
    const { status, code, facts } = await problemOf(answer);
    expect([status, code, facts["field"]]).toEqual([400, "API-002", "unheard"]);
    expect((await millrace().instance("counting", "d1"))?.status).toBe("running");
  };

  test.each([...operations, { id: "document", method: "GET", path: "/openapi.json", body: {} }])(
    "refuses a parameter that there is not, and does nothing: $id",
    async ({ method, path, body }) => {
      const init = method === "POST" ? asJson(body) : {};
      await refusesUnheard(await fetch(`${millrace().http}/v1${path}?unheard=of`, init));
    },
  );

  test.each(operations.filter(({ method }) => method === "POST"))(
    "refuses a member that there is not, and does nothing: $id",
    async ({ path, body }) =>
      refusesUnheard(
        await fetch(`${millrace().http}/v1${path}`, asJson({ ...body, unheard: "of" })),
      ),
  );

  test.each(["/v1/nothing", "/nothing"])("has nothing at %s", async (path) => {
    expect(await problemOf(await ask(path))).toMatchObject({ status: 404, code: "API-001" });
  });

  test("finds an instance by the longest key that there may be", async () => {
    const found = await ask(`/v1/instances/counting/${encodeURIComponent(longKey)}`);
    expect(((await found.json()) as { key: string }).key).toBe(longKey);
  });

  test("is not put out by any of it: the next signal is taken, and nothing was our fault", async () => {
    const events = async () =>
      (await millrace().instance("counting", "d1"))?.context["events"] as string[];
    expect(await events()).toEqual(["first"]);
    expect((await signal('{"type":"tick","payload":{"id":"good"}}')).status).toBe(202);
    await until(async () => (await events()).length > 1);
    expect(await events()).toEqual(["first", "good"]);
    expect(millrace().log.filter(({ msg }) => msg === "a request failed")).toEqual([]);
  });

  test.each([
    [1, "API-001", ["counting", "nobody", "tick"]],
    [1, "API-002 type: ", ["counting", "d1", "xstate.stop"]],
    [1, "API-002 payload: ", ["counting", "d1", "tick", "--payload", "[]"]],
    [2, "name the event's type", ["counting", "d1"]],
    [2, "--payload is not JSON: {broken", ["counting", "d1", "tick", "--payload", "{broken"]],
  ])("makes `millrace instance signal` end with %i: %s", async (exit, words, args) => {
    const env = { MILLRACE_URL: millrace().http };
    const { code, stdout, stderr } = await runMillrace(["instance", "signal", ...args], { env });
    expect([code, stdout]).toEqual([exit, ""]);
    expect(stderr).toContain(`millrace: ${words}`);
  });
});

describe("where there is a MILLRACE_TOKEN", () => {
  const token = "open-sesame-4711";
  const millrace = sharedProcess(() => embeddedInstallation(flows, { MILLRACE_TOKEN: token }));

  test.each([
    ["none", undefined],
    ["another", "Bearer close-sesame-4711"],
    ["one without its scheme", token],
    ["a part of it", `Bearer ${token.slice(0, -1)}`],
  ])("a request with %s is answered 401, and asked for it", async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    for (const path of ["/v1/instances", "/v1/instances/counting/d1", "/v1/rejected"]) {
      const response = await fetch(millrace().http + path, { headers });
      expect(await problemOf(response)).toMatchObject({ status: 401, code: "API-003" });
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("a request with it is answered, and health without it", async () => {
    const authorization = `Bearer ${token}`;
    const answers = [
      await fetch(`${millrace().http}/v1/instances`, { headers: { authorization } }),
      await fetch(`${millrace().http}/healthz`),
      await fetch(`${millrace().http}/readyz`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test.each([
    [5, "no password", {}, 0x86],
    [5, "another password", { username: "u", password: Buffer.from("close-sesame") }, 0x86],
    [4, "no password", {}, 4],
    [4, "another password", { username: "u", password: Buffer.from("close-sesame") }, 4],
  ] as const)(
    "an MQTT client of level %i with %s is not let in, and with it is",
    async (level, how, login, code) => {
      const name = `${level} ${how}`;
      const refused = (await millrace().readiness()).mqtt["connectsRefused"] ?? 0;
      const client = await RawClient.open(Number(new URL(millrace().mqtt).port), level);
      const connack = await client.sayHello(name, login);
      expect(level === 5 ? connack.reasonCode : connack.returnCode).toBe(code);
      await client.closed;
      expect((await millrace().readiness()).mqtt["connectsRefused"]).toBe(refused + 1);
      const lines = millrace().log.filter(({ client: who }) => who === name);
      expect(lines).toMatchObject([
        { msg: "mqtt refused", reason: "bad-credentials: the password is not MILLRACE_TOKEN" },
      ]);

      const device = new CountingDevice(name);
      const right = { username: "u", password: token, protocolVersion: level };
      await device.connect(millrace().mqtt, right);
      await device.tick("good");
      await until(() => device.echoed.length > 0);
      expect(device.echoed).toEqual(["good"]);
    },
  );

  test("`millrace` ends with 1 without it", async () => {
    const env = { MILLRACE_URL: millrace().http };
    const refused = await runMillrace(["instance", "list"], { env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^millrace: API-003 .*MILLRACE_TOKEN/);
    const welcome = await runMillrace(["instance", "list"], {
      env: { ...env, MILLRACE_TOKEN: token },
    });
    expect(welcome.code).toBe(0);
  });

  test("it stands in no log", () => {
    expect(millrace().output).not.toContain(token);
  });
});

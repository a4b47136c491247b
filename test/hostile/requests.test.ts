import { connect } from "node:net";
import * as fc from "fast-check";
import { operationsOf } from "@millrace/cli/compose/operations";
import { type ApiServer, startApi } from "@millrace/gateway/api/server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";
import { simulate, type World } from "../support/world.ts";
import { draws, hostileJson, hostileText } from "./draws.ts";

// How long it takes depends on how much is drawn, and by how busy a machine.
vi.setConfig({ testTimeout: 600_000 });

/** Requests of any kind get an answer that says what is wrong; none of them is a fault of ours. */

const flow = `
flow: probe
inputs: { keep: { topic: "probe/+" } }
machine: { context: { kept: 0 }, on: { keep: { actions: { assign: { kept: "event.n" } } } } }
`;

let world: World;
let api: ApiServer;
const faults: string[] = [];

beforeAll(async () => {
  world = await simulate({ flows: [flow] });
  await world.publish("probe/p1", { n: 1 });
  await world.advance(100); // the store has caught up
  const { log, catalogue, registry, events } = world.process;
  const store = new MemoryStateStore(world.states);
  const parts = { clock: world.clock, log, store, catalogue, registry, events };
  const operations = operationsOf(parts as never, {});
  const onFault = (path: string, why: string) => faults.push(`${path}: ${why}`);
  const metrics = async (): Promise<string> => "";
  const where = { host: "127.0.0.1", port: 0, token: undefined };
  api = await startApi({ ...where, operations, metrics, onFault });
});
afterAll(async () => {
  await api.close();
  world.crash();
});

/** What the server says to bytes that are a request more or less, until it closes the connection. */
async function answerTo(bytes: Buffer): Promise<string> {
  const socket = connect({ port: api.port, host: "127.0.0.1" });
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  socket.on("error", () => undefined);
  socket.end(bytes);
  await new Promise((resolve) => socket.on("close", resolve));
  return Buffer.concat(parts).toString();
}

const part = fc.oneof(
  fc.constantFrom(
    "probe",
    "client",
    "default",
    "%",
    "%00",
    "%ff",
    "%ed%a0%80",
    "..",
    "%2e%2e%2f",
    "*",
  ),
  hostileText.map((text) => encodeURIComponent(text.toWellFormed()).slice(0, 6_000)),
);
const names = ["namespace", "flow", "state", "thing", "status", "cursor", "limit", "__proto__"];
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(...names),
      fc.oneof(
        part,
        fc.constantFrom("0", "-1", "501", "1e9", "a/b/c", "0/0/0", "9/9/99999999999999999999"),
      ),
    ),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&"));
const path = fc.oneof(
  fc.constantFrom(
    "/v1/flows",
    "/v1/instances",
    "/v1/rejected",
    "/healthz",
    "/v1/instances/probe/client",
    "/v1/instances/probe/client/history",
  ),
  fc.tuple(part, part).map(([a, b]) => `/v1/instances/${a}/${b}`),
  fc.tuple(part, part).map(([a, b]) => `/v1/instances/${a}/${b}/history`),
  part.map((a) => `/${a}`),
);
const body = fc.oneof(
  hostileJson.map((json) => JSON.stringify(json) ?? ""),
  fc
    .record({ type: hostileText, payload: hostileJson, id: hostileText }, { requiredKeys: [] })
    .map((json) => JSON.stringify(json)),
  fc.constantFrom(
    "{",
    '{"type":"a","payload":{"a":1e999}}',
    '{"__proto__":{"type":"x"},"type":"y"}',
    "[".repeat(100_000),
  ),
);

const get = fc
  .tuple(fc.constantFrom("GET", "HEAD", "DELETE", "OPTIONS"), path, query)
  .map(
    ([method, of, asked]) =>
      `${method} ${of}?${asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
  );
const post = fc
  .tuple(
    path,
    body,
    fc.constantFrom("application/json", "text/plain", "x", "application/json; charset=utf-16"),
  )
  .map(([of, sent, type]) => {
    const to = of.includes("history") ? "/v1/instances/probe/client/signals" : of;
    return `POST ${to} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(sent)}\r\n\r\n${sent}`;
  });
const garbage = fc.oneof(
  fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.constantFrom(
    "GET / HTTP/9.9\r\n\r\n",
    `GET / HTTP/1.1\r\n${"x: y\r\n".repeat(5_000)}\r\n`,
    "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    "POST /v1/flows HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
  ),
);

describe("a request of any kind", () => {
  test("is answered; what is refused is a problem with a code", async () => {
    const requests = fc.oneof(
      { weight: 3, arbitrary: get },
      { weight: 3, arbitrary: post },
      { weight: 1, arbitrary: garbage },
    );
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const answer = await answerTo(Buffer.from(request));
        const [head = "", rest = ""] = answer.split(/\r\n\r\n([^]*)/);
        // Nothing at all for what never was a request.
        expect(head.split(" ")[1] ?? "").toMatch(/^(2\d\d|4\d\d|)$/);
        const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
        if (!head.includes("application/problem+json") || rest.length < length) return; // a HEAD
        const { code } = JSON.parse(Buffer.from(rest).toString("utf8", 0, length)) as {
          code: string;
        };
        expect(["API-001", "API-002", "API-003"]).toContain(code);
      }),
      draws(400),
    );
    expect(faults).toEqual([]);
  });

  test("leaves nothing behind, three thousand times", async () => {
    const open = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
    const before = open();
    const requests = fc.sample(fc.oneof(get, post), { seed: 1, numRuns: 100 });
    let answers = 0;
    for (let round = 0; round < 30; round++) {
      const all = requests.map((request) => answerTo(Buffer.from(request)));
      for (const answer of await Promise.all(all)) if (answer.startsWith("HTTP/1.1 ")) answers += 1;
    }
    expect(answers).toBe(3_000);
    await until(() => open() <= before);
    expect(faults).toEqual([]);
    expect(world.process.events.queuedBytes).toBe(0);
  });

  test("changes nothing for the next one", async () => {
    const answer = await fetch(`http://127.0.0.1:${api.port}/v1/instances/probe/client`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { key: "client" }]);
  });
});

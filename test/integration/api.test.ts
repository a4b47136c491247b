import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { JournalEvent } from "@millrace/gateway/api/operations";
import type { Instance } from "@millrace/shared/contract/instance";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { EventStream } from "../support/event-stream.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  sharedProcess,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { runProgram } from "../support/servers/programs.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { pythonWith } from "../support/servers/python.ts";
import { until } from "../support/until.ts";

/** The API as programs find it: its document, what changes, and what is shown as it happens. */

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

async function deviceOf(millrace: MillraceProcess, name: string): Promise<CountingDevice> {
  const device = new CountingDevice(name);
  await device.connect(millrace.mqtt);
  return device;
}

describe.each([
  ["embedded", () => embeddedInstallation(flows)],
  [
    "on Kafka and Redis",
    () => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }),
  ],
] as const)("what is journalled is shown as it happens, %s", (_, open) => {
  const millrace = sharedProcess(open);

  test("to who watches the journal; cut off, it goes on behind the last it has seen", async () => {
    const device = await deviceOf(millrace(), "tailed");
    const url = `${millrace().http}/v1/journal?flow=counting&key=tailed`;
    const first = await EventStream.open<JournalEvent>(url);
    await device.tick("one");
    const [begun] = await first.has(1);
    expect(begun?.event).toBe("step");
    expect(begun?.data).toMatchObject({
      kind: "step",
      namespace: "default",
      flow: "counting",
      key: "tailed",
      seq: 1,
      cause: { kind: "device", type: "tick", thing: "tailed" },
      to: "busy",
    });
    expect(begun?.data.instance).toBeUndefined();
    const seen = first.events.findLast(({ id }) => id !== undefined);
    first.close();
    await device.tick("two");
    await device.tick("three");
    const second = await EventStream.open<JournalEvent>(url, seen?.id);
    await device.tick("four");
    const ticks = (): unknown[] =>
      second.events
        .filter(({ data }) => data.cause.type === "tick")
        .map(({ data }) => data.cause.id);
    await until(() => ticks().length >= 3);
    expect(ticks()).toEqual(["two", "three", "four"]);
  });

  test("to who watches one instance: as it is, and as it becomes", async () => {
    const device = await deviceOf(millrace(), "watched");
    await device.tick("one");
    await until(async () => (await millrace().instance("counting", "watched")) !== undefined);
    const stream = await EventStream.open<Instance>(
      `${millrace().http}/v1/instances/counting/watched/live`,
    );
    for (let i = 0; i < 50; i++) await device.tick(`more ${i}`);
    const last = (): number => {
      const { events = [] } = stream.events.at(-1)?.data.context ?? {};
      return (events as unknown[]).length;
    };
    await until(() => last() === 51);
    expect(stream.events[0]).toMatchObject({ event: "instance", data: { key: "watched" } });
    expect(stream.events.length).toBeLessThan(51);
  });

  test("a cursor that no page gave, and an instance that is not there, are refused", async () => {
    const cursor = await fetch(`${millrace().http}/v1/journal?cursor=7`);
    expect([cursor.status, ((await cursor.json()) as { code: string }).code]).toEqual([
      400,
      "API-002",
    ]);
    const nobody = await fetch(`${millrace().http}/v1/instances/counting/nobody/live`);
    expect(nobody.status).toBe(404);
  });
});

describe("the API", () => {
  const millrace = sharedProcess(() => embeddedInstallation(flows));

  test("answers 304 to who has it already", async () => {
    const device = await deviceOf(millrace(), "tagged");
    await device.tick("one");
    await until(async () => (await millrace().instance("counting", "tagged"))?.state === "resting");
    const url = `${millrace().http}/v1/instances/counting/tagged`;
    const etag = (await fetch(url)).headers.get("etag") ?? "";
    expect(etag).toMatch(/^(W\/)?".+"$/);
    const again = () => fetch(url, { headers: { "if-none-match": etag } });
    expect((await again()).status).toBe(304);
    const oneOfSome = { "if-none-match": `"other", W/${etag}` }; // as a proxy may ask
    expect((await fetch(url, { headers: oneOfSome })).status).toBe(304);
    await device.tick("two");
    await until(async () => (await again()).status === 200);
  });

  test("answers neither a POST nor a problem by a tag", async () => {
    const answersOf = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
      const url = `${millrace().http}/v1${path}`;
      const first = await fetch(url, init);
      expect(first.headers.get("etag")).toBeNull();
      const sha1 = createHash("sha1").update(await first.text());
      const headers = new Headers(init.headers);
      headers.set("if-none-match", `"${sha1.digest("base64")}", *`);
      const second = await fetch(url, { ...init, headers });
      return [second.status, await second.text()];
    };
    const asked = { action: "cancel", flow: "counting", status: "paused", preview: true };
    const [status, body] = await answersOf("/bulk/instances", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asked),
    });
    expect([status, JSON.parse(body)]).toEqual([202, { count: 0 }]);
    const [notThere, problem] = await answersOf("/instances/counting/nobody");
    expect([notThere, JSON.parse(problem)]).toMatchObject([404, { code: "API-001" }]);
  });

  test("says in its document which answers have a tag", async () => {
    interface Operation {
      readonly responses: Readonly<Record<string, { headers?: object; content?: object }>>;
    }
    const { paths } = await millrace().get<{
      paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    }>("/v1/openapi.json");
    const tagged = new Set<string>();
    for (const [path, operations] of Object.entries(paths))
      for (const [method, { responses }] of Object.entries(operations)) {
        const isStream = "text/event-stream" in (responses["200"]?.content ?? {});
        const hasTag = method === "get" && !isStream;
        expect([path, method, "304" in responses]).toEqual([path, method, hasTag]);
        expect([path, responses["200"]?.headers]).toEqual([
          path,
          hasTag ? { ETag: { schema: { type: "string" } } } : undefined,
        ]);
        if (hasTag) tagged.add(path);
      }
    expect(tagged).toContain("/v1/instances/{flow}/{key}");
  });

  test("shows the payload of what caused a step", async () => {
    const device = await deviceOf(millrace(), "paid");
    await device.tick("one");
    await until(async () => (await millrace().instance("counting", "paid")) !== undefined);
    const { steps } = await millrace().history("counting", "paid");
    expect(steps.at(-1)).toMatchObject({
      cause: { kind: "device", topic: "count/paid/tick", client: "paid" },
      payload: { id: "one" },
    });
    expect(steps.at(-1)).not.toHaveProperty("noPayload");
  });

  test("shows one rejected input with its payload as it came", async () => {
    const device = await deviceOf(millrace(), "broken");
    await device.publish("count/broken/tick", "{no json");
    const rejected = async (): Promise<readonly { id: string }[]> =>
      (await millrace().get<{ items: { id: string }[] }>("/v1/rejected")).items;
    await until(async () => (await rejected()).length > 0);
    const [{ id } = { id: "" }] = await rejected();
    const shown = await millrace().get<object>(`/v1/rejected/${id}`);
    expect(shown).toMatchObject({
      id,
      code: "bad-payload",
      payload: { base64: Buffer.from("{no json").toString("base64") },
    });
    const other = await fetch(`${millrace().http}/v1/rejected/0-999999`);
    expect(other.status).toBe(404);
  });
});

/** What a test of a document asks for is refused to strangers. */
const TOKEN = "0123456789abcdef";

describe.each([
  ["embedded, behind a token", () => embeddedInstallation(flows, { MILLRACE_TOKEN: TOKEN }), 30],
  [
    "on Kafka and Redis",
    () => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }),
    10,
  ],
] as const)("the API, %s,", (_, open, examples) => {
  const millrace = sharedProcess(open);

  test("keeps to its document, whatever is asked of it (schemathesis)", async () => {
    const device = new CountingDevice("d1");
    await device.connect(millrace().mqtt, { username: "d1", password: TOKEN });
    await device.tick("one");
    const python = await pythonWith(["schemathesis==4.32.5"]);
    const checks = [
      "not_a_server_error",
      "status_code_conformance",
      "content_type_conformance",
      "response_schema_conformance",
      "negative_data_rejection",
    ];
    const args = [
      ...["-m", "schemathesis.cli", "run", `${millrace().http}/v1/openapi.json`],
      ...["--checks", checks.join(","), "--exclude-path-regex", "(journal|live)$"],
      ...[
        "--seed",
        "1",
        "--max-examples",
        String(examples),
        "--phases",
        "coverage,fuzzing,stateful",
      ],
      ...["--generation-database", "none", "--no-color"],
      ...["--header", `Authorization: Bearer ${TOKEN}`],
    ];
    const { code, output } = await runProgram(python, args, {}, newDataFolder("schemathesis"));
    expect(code, output).toBe(0);
    expect(millrace().log.filter(({ msg }) => msg === "a request failed")).toEqual([]);
  }, 180_000);
});

import { fileURLToPath } from "node:url";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import mqtt, { type IPublishPacket } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { HttpHost } from "../../support/http-host.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  runMillrace,
  type TestInstallation,
} from "../../support/millrace.ts";
import { OtlpReceiver, type ReceivedSpan, textOf } from "../../support/otlp-receiver.ts";
import { kafkaForTests, redisForTests } from "../../support/servers/find.ts";
import { until } from "../../support/until.ts";

/** One trace from a device's publish to all that comes of it, as a collector gets it. */

const flows = fileURLToPath(new URL("../flows/traced", import.meta.url));
const PARTITIONS = 4;

/** A name whose instances live in another partition than those of `key`. */
function elsewhere(key: string): string {
  const placeOf = (name: string) => partitionOf(logKey("default", name), PARTITIONS);
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
  return names.find((name) => placeOf(name) !== placeOf(key)) ?? "";
}

const device = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };

/** A device that speaks MQTT 5, and has begun a trace of its own. */
class TracingDevice {
  readonly told: IPublishPacket[] = [];
  readonly #client: mqtt.MqttClient;

  private constructor(client: mqtt.MqttClient) {
    this.#client = client;
    client.on("message", (_topic, _payload, packet) => this.told.push(packet));
  }

  static async connect(url: string): Promise<TracingDevice> {
    const client = await mqtt.connectAsync(url, { clientId: "d1", protocolVersion: 5 });
    onTestFinished(() => client.endAsync(true));
    const made = new TracingDevice(client);
    await client.subscribeAsync("house/h1/chime", { qos: 1 });
    return made;
  }

  async knock(host: string, traceparent?: string): Promise<void> {
    const street = elsewhere("h1");
    const payload = JSON.stringify({ host, street, book: street });
    const properties = traceparent === undefined ? {} : { userProperties: { traceparent } };
    await this.#client.publishAsync("house/h1/knock", payload, { qos: 1, properties });
  }
}

async function faces(): Promise<HttpHost> {
  return await HttpHost.open((_arrived, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ name: "ANN" }));
  });
}

type Env = Readonly<Record<string, string>>;
interface Started {
  readonly gateway: MillraceProcess;
  readonly engine: MillraceProcess;
  readonly dispatcher: MillraceProcess;
}

async function startOne(installation: TestInstallation): Promise<Started> {
  const one = await installation.start({ args: ["--partitions", String(PARTITIONS)] });
  return { gateway: one, engine: one, dispatcher: one };
}

async function startThree(installation: TestInstallation): Promise<Started> {
  const engine = await installation.start({ role: "engine" });
  const gateway = await installation.start({ role: "gateway" });
  const dispatcher = await installation.start({ role: "dispatcher" });
  return { gateway, engine, dispatcher };
}

const forms: readonly [form: string, open: (env: Env) => Promise<Started>][] = [
  ["in one process", async (env) => await startOne(embeddedInstallation(flows, env))],
  [
    "across three processes",
    async (env) => {
      const servers = { kafka: kafkaForTests(), redis: redisForTests(), partitions: PARTITIONS };
      return await startThree(clusterInstallation(flows, servers, env));
    },
  ],
];

/** What the device's publish becomes: who records what below what. */
const tree = [
  "gateway server publish house/h1/knock",
  "  engine producer copy",
  "    engine consumer step book",
  "      engine producer append journal",
  "    engine producer append events",
  "  engine consumer step porch",
  "    dispatcher internal call who",
  "      dispatcher client request POST",
  "      dispatcher producer append events",
  "      engine consumer step porch",
  "        engine producer append journal",
  "    dispatcher producer command chime",
  "      gateway producer deliver house/h1/chime",
  "    dispatcher producer send knocked",
  "      dispatcher producer append events",
  "      engine consumer step tally",
  "        engine producer append journal",
  "    engine producer append journal",
  "  gateway producer append events",
];

const kinds = ["", "internal", "server", "client", "producer", "consumer"];

/** A span as a line of the tree: who, kind, name, and what it is about. */
function tell(span: ReceivedSpan): string {
  const { roles, kind, name, attributes } = span;
  const detail =
    {
      publish: textOf(attributes, "messaging.destination.name"),
      deliver: textOf(attributes, "messaging.destination.name"),
      step: textOf(attributes, "millrace.flow"),
      request: textOf(attributes, "http.request.method"),
      command: textOf(attributes, "millrace.effect.name"),
      call: textOf(attributes, "millrace.effect.name"),
      send: textOf(attributes, "millrace.effect.name"),
    }[name] ?? "";
  return `${roles} ${kinds[kind] ?? kind} ${name} ${detail}`.trimEnd();
}

/** With all roles in one process, whose it is cannot be told. */
function withoutRoles(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^( *)[a-z,]+ /, "$1"));
}

/** Sorted among siblings as they are told: the same for both forms. */
function asTree(receiver: OtlpReceiver, isOne: boolean): string[] {
  const told = (span: ReceivedSpan) => (isOne ? (withoutRoles([tell(span)])[0] ?? "") : tell(span));
  return receiver.tree(device.traceId, device.spanId, told);
}

function sorted(lines: readonly string[], isOne: boolean): string[] {
  const depthOf = (line: string) => line.length - line.trimStart().length;
  const nest = (from: number, to: number, depth: number): string[] => {
    const starts: number[] = [];
    for (let i = from; i < to; i += 1) if (depthOf(lines[i] ?? "") === depth) starts.push(i);
    return starts
      .map((start, i) => {
        const line = lines[start] ?? "";
        const own = isOne ? (withoutRoles([line])[0] ?? "") : line;
        return [own, ...nest(start + 1, starts[i + 1] ?? to, depth + 2)];
      })
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))
      .flat();
  };
  return nest(0, lines.length, 0);
}

/** What `millrace trace` draws of it: from the journal, without a collector. */
const drawn = [
  'publish house/h1/knock by d1 {"host":"localhost:N… (events P)',
  "  step 1 book/STREET: · → open (journal P)",
  "  step 1 porch/h1: · → asking (journal P)",
  "    call who: done",
  "      step 2 porch/h1: asking → known (journal P)",
  "    command chime to house/h1/chime",
  "    log somebody knocks",
  "    send knocked to tally/STREET: taken",
  "      step 1 tally/STREET: · → counting (journal P)",
];

async function seeDrawn({ http }: MillraceProcess): Promise<void> {
  const env = { MILLRACE_URL: http };
  const street = elsewhere("h1");
  const { stdout, code } = await runMillrace(["trace", device.traceId], { env });
  expect(code).toBe(0);
  const [head, , , ...lines] = stdout.trimEnd().split("\n");
  expect(head).toMatch(
    /^trace 4bf92f3577b34da6a3ce929d0e0e4736: 4 steps of 3 instances, \d+ ms from /,
  );
  const shape = /^ +\+(\d+) +(\d+) ms {2}[·█]{32} {2}(.*)$/;
  const rows = lines.map((line) => shape.exec(line) ?? [line, "0", "0", line]);
  const labels = rows.map(([, , , label = ""]) =>
    label
      .replaceAll(street, "STREET")
      .replace(/(journal|events) \d/, "$1 P")
      .replace(/localhost:[^ ]*…/, "localhost:N…"),
  );
  expect(sorted(labels, false)).toEqual(drawn);
  expect(labels[0]).toBe(drawn[0]);
  const ends = rows.map(([, from, took]) => Number(from) + Number(took));
  expect(Math.max(...ends)).toBe(Number(/(\d+) ms/.exec(head ?? "")?.[1]));

  const json = await runMillrace(["trace", device.traceId, "--json", "--since", "10m"], { env });
  expect(JSON.parse(json.stdout)).toHaveLength(4);
  const unknown = await runMillrace(["trace", "f".repeat(32)], { env });
  expect(unknown.stdout).toBe(
    "nothing of this trace stands in the journal of the last 1h; --since searches further back\n",
  );
  const wrong = await runMillrace(["trace", "abc"], { env });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("abc is no trace id")]);
  const long = await runMillrace(["trace", device.traceId, "--since", "ages"], { env });
  expect([long.code, long.stderr]).toEqual([
    2,
    "millrace: --since ages is no duration, as 30s, 5m or 2h\n",
  ]);
}

describe.each(forms)("a trace %s", (form, open) => {
  const isOne = form === "in one process";

  test("goes from a device's publish to all that comes of it", async () => {
    const [receiver, host] = [await OtlpReceiver.open(), await faces()];
    const at = `localhost:${host.port}`;
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      // Both ways are tried: three processes send as they do by default.
      ...(isOne ? { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" } : {}),
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      MILLRACE_CALL_HOSTS: at,
    };
    const { gateway, engine } = await open(env);
    const client = await TracingDevice.connect(gateway.mqtt);
    await client.knock(at, `00-${device.traceId}-${device.spanId}-01`);
    await until(() => receiver.of(device.traceId).length >= tree.length);
    expect(asTree(receiver, isOne)).toEqual(sorted(tree, isOne));

    const spans = receiver.of(device.traceId);
    const byName = (name: string) => spans.filter((span) => span.name === name);
    for (const { startTimeUnixNano, endTimeUnixNano } of spans)
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
    expect(spans.filter(({ status }) => status?.code === 2)).toEqual([]);
    // Who is called, and who is told, can go on with it.
    const request = host.arrived[0]?.headers["traceparent"];
    expect(request).toBe(`00-${device.traceId}-${byName("request")[0]?.spanId}-01`);
    const told = client.told[0]?.properties?.userProperties as { traceparent?: string };
    expect(told.traceparent).toBe(`00-${device.traceId}-${byName("deliver")[0]?.spanId}-01`);
    // Every step has the trace's id, and so has the line that the flow logs.
    const history = await gateway.history("porch", "h1");
    const caused = history.steps.filter(({ cause }) => cause.kind !== "timer");
    expect(caused.map(({ traceId }) => traceId)).toEqual(caused.map(() => device.traceId));
    expect(caused).toHaveLength(2);
    const line = engine.log.find(({ msg }) => msg === "somebody knocks");
    expect(line).toMatchObject({ trace_id: device.traceId, instance: "default/porch/h1" });
    await seeDrawn(gateway);
    // A timer begins a trace of its own, and that is sampled, too.
    await until(async () => (await gateway.history("porch", "h1")).steps.length === 3);
    const [timed] = (await gateway.history("porch", "h1")).steps;
    expect(timed?.cause.kind).toBe("timer");
    expect(timed?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(timed?.traceId).not.toBe(device.traceId);
    await until(() => receiver.of(timed?.traceId ?? "").length === 2);

    const steps = isOne ? "dispatcher,engine,gateway" : "engine";
    await until(() => (receiver.counters.get(`${steps} millrace.engine.steps`) ?? 0) >= 5);
    expect(receiver.unread).toEqual([]);
    const type = isOne ? "application/json" : "application/x-protobuf";
    expect([...receiver.bodies.keys()].sort()).toEqual([
      `/v1/metrics ${type}`,
      `/v1/traces ${type}`,
    ]);
  });

  test("is not recorded where it is not sampled, and keeps its id", async () => {
    const [receiver, host] = [await OtlpReceiver.open(), await faces()];
    const at = `localhost:${host.port}`;
    const { gateway, dispatcher } = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      MILLRACE_CALL_HOSTS: "nowhere.invalid",
    });
    const client = await TracingDevice.connect(gateway.mqtt);
    await client.knock(at, `00-${device.traceId}-${device.spanId}-00`);
    await until(async () => (await gateway.instance("porch", "h1")) !== undefined);
    await until(async () => (await gateway.history("porch", "h1")).steps.length === 2);
    const { steps } = await gateway.history("porch", "h1");
    expect(steps.map(({ traceId }) => traceId)).toEqual([device.traceId, device.traceId]);
    // The line of a call that failed says what it was about.
    await until(() => dispatcher.log.some(({ msg }) => msg === "a call failed"));
    expect(dispatcher.log.find(({ msg }) => msg === "a call failed")).toMatchObject({
      trace_id: device.traceId,
    });
    const json = client.told[0]?.properties?.userProperties;
    expect(json).toBeUndefined();
    const metrics = "/v1/metrics application/x-protobuf";
    await until(() => (receiver.bodies.get(metrics) ?? 0) > 2);
    expect([...receiver.bodies.keys()].filter((key) => key.startsWith("/v1/traces"))).toEqual([]);
  });
});

describe("traces", () => {
  const env = (receiver: OtlpReceiver) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    MILLRACE_CALL_HOSTS: "nowhere.invalid",
  });

  test("of one append are linked to each other", async () => {
    const receiver = await OtlpReceiver.open();
    const { mqtt: url } = await embeddedInstallation(flows, env(receiver)).start();
    const client = await TracingDevice.connect(url);
    const ids = Array.from({ length: 40 }, (_, i) => (i + 1).toString(16).padStart(32, "a"));
    await Promise.all(
      ids.map((id) => client.knock("nowhere.invalid", `00-${id}-${device.spanId}-01`)),
    );
    for (const name of ["append events", "append journal"]) {
      const appends = () => receiver.spans.filter((span) => span.name === name);
      await until(() => ids.every((id) => appends().some(({ traceId }) => traceId === id)));
      const linked = appends().filter(({ links = [] }) => links.length > 0);
      expect(linked.length).toBeGreaterThan(1);
      for (const { traceId, links = [] } of linked) {
        const others = links.map((link) => link.traceId);
        expect(others).not.toContain(traceId);
        const known = new Set(receiver.spans.map((span) => span.spanId));
        expect(links.filter(({ spanId }) => !known.has(spanId))).toEqual([]);
      }
    }
  });

  test("of what was put aside go on in the process that takes it on", async () => {
    const receiver = await OtlpReceiver.open();
    const installation = embeddedInstallation(flows, env(receiver));
    const first = await installation.start();
    const knocker = await mqtt.connectAsync(first.mqtt, { protocolVersion: 5 });
    const traceparent = `00-${device.traceId}-${device.spanId}-01`;
    const payload = JSON.stringify({ host: "nowhere.invalid", street: "elm", book: "log" });
    const properties = { userProperties: { traceparent } };
    await knocker.publishAsync("house/h1/knock", payload, { qos: 1, properties });
    await until(async () => (await first.instance("porch", "h1")) !== undefined);
    const isParked = async () =>
      (await first.history("porch", "h1")).steps.some(({ cause }) => cause.type === "parked");
    await until(isParked);
    await knocker.endAsync(true);
    await first.stop();
    const second = await installation.start();
    const client = await TracingDevice.connect(second.mqtt);
    await until(() => client.told.length === 1);
    const commands = () => receiver.of(device.traceId).filter(({ name }) => name === "command");
    await until(() => commands().length === 2);
    const [left, taken] = commands();
    expect(textOf(left?.attributes ?? [], "millrace.outcome")).toBe("left");
    expect(textOf(taken?.attributes ?? [], "millrace.outcome")).toBe("delivered");
    expect(taken?.parentSpanId).toBe(left?.spanId);
    // The step that parks it is a part of the trace, too, and so is the one that hears of its end.
    const { steps } = await second.history("porch", "h1");
    const ids = new Set(
      steps.filter(({ cause }) => cause.kind !== "timer").map((one) => one.traceId),
    );
    expect([...ids]).toEqual([device.traceId]);
  });
});

import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { definitionOf, metricNames } from "@millrace/shared/telemetry/metrics";
import { prometheusName } from "@millrace/shared/telemetry/observe";
import { describe, expect, onTestFinished, test } from "vitest";
import { alerts } from "../../../scripts/observability/alerts.ts";
import { dashboardLines, dashboardQueries } from "../../../scripts/observability/dashboard.ts";
import { CountingDevice } from "../../support/device.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  type TestInstallation,
} from "../../support/millrace.ts";
import { labelsMissing, selectorsOf } from "../../support/promql.ts";
import { Scrape, scrape } from "../../support/scrape.ts";
import { kafkaForTests, redisForTests } from "../../support/servers/find.ts";
import { until } from "../../support/until.ts";

/** What processes tell of themselves, while they serve real devices. */

const flows = fileURLToPath(new URL("../flows/counting", import.meta.url));
const onServers = () =>
  clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests(), partitions: 4 });

const TICKS = 5;

/** An MQTT 3.1.1 client that says nothing but CONNECT: it is dead after one and a half seconds. */
async function silentClient({ mqtt }: MillraceProcess, id: string): Promise<Socket> {
  const { hostname, port } = new URL(mqtt);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {}); // it is ended on purpose
  const body = Buffer.from(`\0\x04MQTT\x04\x02\0\x01\0${String.fromCharCode(id.length)}${id}`);
  socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
  await new Promise((resolve, reject) => socket.once("data", resolve).once("close", reject));
  return socket;
}

/** Makes the gateway end a connection for each of its reasons. */
async function endConnections(gateway: MillraceProcess): Promise<void> {
  await silentClient(gateway, "again");
  await silentClient(gateway, "again");
  const faulty = await silentClient(gateway, "faulty");
  faulty.write(Buffer.from([0, 0]));
}

/**
 * Lets a device publish, one of its events be rejected, and a command come back for each of the others. One
 * of them is about a device that is away: its command is put aside.
 */
async function useIt(gateway: MillraceProcess): Promise<void> {
  const device = new CountingDevice("d1");
  await device.connect(gateway.mqtt);
  for (let i = 0; i < TICKS; i += 1) await device.tick(`t${i}`);
  await device.publish("count/d1/tick", "no JSON");
  await device.publish("count/away/tick", '{"id":"t"}');
  await endConnections(gateway);
  await until(() => device.echoed.length === TICKS);
}

/** The names that the metrics of some roles have in a scrape. */
function namesOf(...roles: readonly string[]): readonly string[] {
  return metricNames
    .filter((name) => ["every", ...roles].includes(definitionOf(name).role))
    .flatMap((name) => {
      const base = prometheusName(name);
      const isHistogram = definitionOf(name).kind === "histogram";
      return isHistogram ? [`${base}_bucket`, `${base}_sum`, `${base}_count`] : [base];
    });
}

/** Sees that what a process counts is what happened. */
async function seeEngine(engine: MillraceProcess): Promise<void> {
  let last = new Scrape("");
  await until(async () => {
    last = await scrape(engine);
    const count = last.sum("millrace_engine_step_duration_seconds_count");
    return (
      last.sum("millrace_engine_lag") === 0 &&
      last.sum("millrace_engine_rejections_total") > 0 &&
      last.sum("millrace_engine_steps_total") === count // no step waits to be acknowledged
    );
  });
  expect(last.sum("millrace_engine_rejections_total", { code: "bad-payload" })).toBe(1);
  expect(last.sum("millrace_engine_rejections_total")).toBe(1);
  const steps = last.sum("millrace_engine_steps_total");
  expect(steps).toBeGreaterThanOrEqual(TICKS);
  expect(last.sum("millrace_engine_step_duration_seconds_count")).toBe(steps);
  expect(last.sum("millrace_engine_step_duration_seconds_bucket", { le: "+Inf" })).toBe(steps);
  expect(last.sum("millrace_engine_journal_append_duration_seconds_count")).toBeGreaterThan(0);
  expect(last.sum("millrace_engine_journal_size_bytes")).toBeGreaterThan(1_000);
  // Both devices rest when they hear nothing more.
  await until(async () => {
    last = await scrape(engine);
    return last.sum("millrace_engine_timers_fired_total") === 2;
  });
  expect(last.sum("millrace_engine_timer_lateness_seconds_count")).toBe(2);
  const commits = "millrace_engine_commit_duration_seconds";
  await until(async () => (await scrape(engine)).sum(`${commits}_count`) > 0);
  expect((await scrape(engine)).sum(`${commits}_sum`)).toBeGreaterThan(0);
}

async function seeDispatcher(dispatcher: MillraceProcess): Promise<void> {
  const name = "millrace_dispatcher_commands_total";
  await until(async () => (await scrape(dispatcher)).sum(name, { outcome: "delivered" }) === TICKS);
  await until(async () => (await scrape(dispatcher)).sum("millrace_dispatcher_lag") === 0);
  const last = await scrape(dispatcher);
  const done = last.sum("millrace_dispatcher_effect_duration_seconds_count", { kind: "command" });
  expect(done).toBe(TICKS);
  const parked = "millrace_dispatcher_effects_parked_total";
  await until(async () => (await scrape(dispatcher)).sum(parked) === 1);
  const pending = { kind: "command", state: "parked" };
  expect((await scrape(dispatcher)).sum("millrace_dispatcher_effects_pending", pending)).toBe(1);
}

async function seeGateway(gateway: MillraceProcess): Promise<void> {
  const ended = "millrace_gateway_connections_ended_total";
  let last = new Scrape("");
  await until(async () => {
    last = await scrape(gateway);
    return last.sum(ended) === 3;
  });
  for (const reason of ["keep-alive", "protocol", "taken-over"])
    expect([reason, last.sum(ended, { reason })]).toEqual([reason, 1]);
  expect(last.sum("millrace_gateway_publishes_total", { qos: "1" })).toBe(TICKS + 2);
  expect(last.sum("millrace_gateway_clients")).toBe(1);
  expect(last.sum("millrace_events_append_duration_seconds_count")).toBeGreaterThan(0);
}

function seeProcess(last: Scrape): void {
  expect(last.sum("millrace_ready")).toBe(1);
  expect(last.sum("millrace_store_connected")).toBe(1);
  expect(last.sum("process_memory_usage_bytes")).toBeGreaterThan(2 ** 20);
  for (const of of ["log-ends", "registry", "gateways"])
    expect(last.sum("millrace_knowledge_age_seconds", { of })).toBeGreaterThan(0);
}

/** Sees that there is something for every query of the dashboard and the alerts. */
function seeQueries(last: Scrape): void {
  const queries = [...dashboardQueries, ...alerts.map(({ expr }) => expr)];
  expect(queries.length).toBeGreaterThan(80);
  const missing = queries.filter((query) =>
    selectorsOf(query).some(({ metric, labels }) => {
      const samples = last.samples.filter(({ name }) => name === metric);
      const matching = samples.filter((sample) =>
        labels.every(({ label, op, value }) =>
          op === "=~"
            ? new RegExp(`^(?:${value})$`).test(sample.labels[label] ?? "")
            : op === "=" && sample.labels[label] === value,
        ),
      );
      return metric !== "up" && matching.length === 0; // `up` is Prometheus' own
    }),
  );
  expect(missing).toEqual([]);
  const labelsOf = (metric: string) =>
    last.samples.filter(({ name }) => name === metric).flatMap(({ labels }) => Object.keys(labels));
  const lines = [...dashboardLines, ...alerts.map(({ expr }) => ["", expr] as const)];
  // It throws for a query that groups by what no series has.
  expect(lines.filter((line) => labelsMissing(line, labelsOf).length > 0)).toEqual([]);
}

describe("metrics", () => {
  test("of one process with all roles are those of the catalogue, and are true", async () => {
    const millrace = await embeddedInstallation(flows).start();
    await useIt(millrace);
    await seeEngine(millrace);
    await seeDispatcher(millrace);
    const last = await scrape(millrace);
    await seeGateway(millrace);
    seeProcess(last);
    seeQueries(last);
    const known = namesOf("gateway", "engine", "dispatcher");
    expect([...last.names].filter((name) => name !== "target_info").sort()).toEqual(
      [...known].sort(),
    );
  });

  test("of three processes are those of their roles, and are true", async () => {
    const installation = onServers();
    const start = (role: "gateway" | "engine" | "dispatcher") => installation.start({ role });
    const [engine, gateway] = [await start("engine"), await start("gateway")];
    const dispatcher = await start("dispatcher");
    await useIt(gateway);
    await seeEngine(engine);
    await seeDispatcher(dispatcher);
    const roles = { gateway, engine, dispatcher };
    for (const [role, process] of Object.entries(roles)) {
      const last = await scrape(process);
      seeProcess(last);
      const names = [...last.names].filter((name) => name !== "target_info");
      expect([role, names.sort()]).toEqual([role, [...namesOf(role)].sort()]);
    }
    await seeGateway(gateway);
    await until(
      async () => (await scrape(dispatcher)).sum("millrace_peers", { state: "connected" }) === 1,
    );
    await gateway.kill();
    await until(
      async () => (await scrape(dispatcher)).sum("millrace_peers", { state: "lost" }) === 1,
    );
  });

  test("ask for the token, where there is one", async () => {
    const token = "quite-a-secret";
    const forms: readonly (readonly [TestInstallation, "start" | "engine"])[] = [
      [embeddedInstallation(flows, { MILLRACE_TOKEN: token }), "start"],
      [onServers(), "engine"],
    ];
    for (const [installation, role] of forms) {
      const args = role === "engine" ? ["--token", token] : [];
      const process = await installation.start({ role, args });
      await expect(scrape(process)).rejects.toThrow("401");
      await expect(scrape(process, "another")).rejects.toThrow("401");
      seeProcess(await scrape(process, token));
    }
  });
});

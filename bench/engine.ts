/**
 * npm run bench -- engine [--json] [--log kafka|embedded] [--instances N] [--events N]
 *
 * Steps a second and CPU microseconds a step of the engine alone, on a topic that is full already, for
 * 1,000 and 100,000 instances, on Kafka and Redis and embedded; beside it the raw cost of reading and
 * writing the same records with the same clients, and how many records of the journal a second of CPU
 * folds when the store is rebuilt. CPU is that of the engine's process alone.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Ingest } from "@millrace/gateway/ingest/ingest";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { loadFlow } from "@millrace/shared/flow/load";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { systemClock } from "@millrace/shared/ports/clock";
import { newDataFolder } from "../test/support/servers/run-folder.ts";
import { startKafka } from "../test/support/servers/kafka.ts";
import { startRedis } from "../test/support/servers/redis.ts";
import { fleetEvent, motionLight } from "./engine/fleet.ts";
import { openPorts, type Place } from "./engine/installation.ts";
import type { Figures, Task } from "./engine/worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    log: { type: "string" },
    instances: { type: "string" },
    events: { type: "string" },
  },
});

const sizes = (values.instances ?? "1000,100000").split(",").map(Number);
const logs = (values.log ?? "kafka,embedded").split(",") as Place["log"][];

/** Enough for every instance to be past its first steps, and for some seconds of work. */
function eventsFor(instances: number): number {
  return Number(values.events ?? Math.max(300_000, instances * 6));
}

interface Row {
  readonly bench: "engine";
  readonly log: Place["log"];
  readonly instances: number;
  readonly events: number;
  readonly steps: number;
  readonly stepsPerSecond: number;
  readonly cpuUsPerStep: number;
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
  readonly rawCpuUsPerEvent: number;
  readonly rebuiltPerCpuSecond: number;
  readonly rssMiB: number;
}

const servers = logs.includes("kafka")
  ? { kafka: await startKafka(), redis: await startRedis() }
  : undefined;

let made = 0;

function newPlace(log: Place["log"]): Place {
  made += 1;
  if (log === "embedded") return { log, folder: newDataFolder("bench") };
  if (servers === undefined) throw new Error("no servers");
  return { log, kafka: servers.kafka.url, redis: servers.redis.url, prefix: `bench${made}` };
}

/** Fills the events topic as a gateway would. */
async function preload(place: Place, events: number, instances: number): Promise<void> {
  const ports = await openPorts(place);
  const { log } = ports;
  const catalogue = new Catalogue(log.partitions, () => {});
  const registry = new Registry(log, catalogue, systemClock);
  await registry.start();
  const { flow } = loadFlow(motionLight, "motion-light.yaml");
  if (flow === undefined) throw new Error("the flow of the benchmark is not good");
  const { ns, name, version, file } = flow;
  await registry.publish({ v: 1, kind: "flow", ns, name, version, file, origin: "bench" } as never);
  const writer = new EventsWriter(log, systemClock);
  const parts = { log, writer, catalogue, clock: systemClock, keepUnmatched: true };
  const ingest = new Ingest(parts);
  const CHUNK = 5_000;
  for (let at = 0; at < events; at += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, events - at) }, (_, i) => at + i);
    await Promise.all(
      chunk.map((n) => ingest.write({ ns, client: "bench", qos: 1, ...fleetEvent(n, instances) })),
    );
  }
  await registry.stop();
  await ports.close();
}

async function measure(task: Task): Promise<Figures> {
  const child = fork(fileURLToPath(new URL("./engine/worker.ts", import.meta.url)), [
    JSON.stringify(task),
  ]);
  const ended = once(child, "exit");
  const figures = await Promise.race([
    once(child, "message").then(([message]) => message as Figures),
    ended.then(() => undefined),
  ]);
  await ended;
  if (figures === undefined) throw new Error(`the ${task.kind} process ended without figures`);
  return figures;
}

async function run(log: Place["log"], instances: number): Promise<Row> {
  const events = eventsFor(instances);
  const warmUp = Math.floor(events / 3);
  const [place, rawPlace] = [newPlace(log), newPlace(log)];
  await preload(place, events, instances);
  const figures = await measure({ kind: "engine", place, instances, events, warmUp });
  await preload(rawPlace, events, instances);
  const raw = await measure({ kind: "raw", place: rawPlace, instances, events, warmUp });
  const whole = newPlace(log);
  await preload(whole, events, instances);
  await measure({ kind: "engine", place: whole, instances, events, warmUp, keepsAll: true });
  const rebuilt = await measure({ kind: "rebuild", place: whole, instances, events, warmUp });
  const us = (cpuSeconds: number, count: number): number => round((cpuSeconds * 1e6) / count);
  return {
    bench: "engine",
    log,
    instances,
    events: figures.events,
    steps: figures.steps,
    stepsPerSecond: Math.round(figures.steps / figures.seconds),
    cpuUsPerStep: us(figures.cpuSeconds, figures.steps),
    eventsPerSecond: Math.round(figures.events / figures.seconds),
    cpuUsPerEvent: us(figures.cpuSeconds, figures.events),
    rawCpuUsPerEvent: us(raw.cpuSeconds, raw.events),
    rebuiltPerCpuSecond: Math.round(rebuilt.events / rebuilt.cpuSeconds),
    rssMiB: Math.round(figures.rssBytes / 2 ** 20),
  };
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}

const rows: Row[] = [];
for (const log of logs) {
  for (const instances of sizes) {
    const row = await run(log, instances);
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
  }
}
if (!values.json) console.table(rows.map(({ bench: _bench, ...row }) => row));
await Promise.all([servers?.kafka.stop(), servers?.redis.stop()]);
process.exit(0);

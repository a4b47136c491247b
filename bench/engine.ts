/**
 * npm run bench -- engine [--json] [--log kafka|embedded] [--instances N] [--events N]
 *
 * Steps a second and CPU microseconds a step of the engine alone, on a topic that is full already, for
 * 1,000 and 100,000 instances, on Kafka and Redis and embedded; beside it the raw cost of reading and
 * writing the same records with the same clients, and how many records of the journal a second of CPU
 * folds when the store is rebuilt. CPU is that of the engine's process alone.
 */
import { parseArgs } from "node:util";
import { measure } from "./engine/measure.ts";
import { preload } from "./engine/preload.ts";
import { type LogKind, Places } from "./places.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    log: { type: "string" },
    instances: { type: "string" },
    events: { type: "string" },
  },
});

const sizes = (values.instances ?? "1000,100000").split(",").map(Number);
const places = await Places.open(values.log);

/** Enough for every instance to be past its first steps, and for some seconds of work. */
function eventsFor(instances: number): number {
  return Number(values.events ?? Math.max(300_000, instances * 6));
}

interface Row {
  readonly bench: "engine";
  readonly log: LogKind;
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

async function run(log: LogKind, instances: number): Promise<Row> {
  const events = eventsFor(instances);
  const warmUp = Math.floor(events / 3);
  const [place, rawPlace] = [places.next(log), places.next(log)];
  await preload(place, events, instances);
  const figures = await measure({ kind: "engine", place, instances, events, warmUp });
  await preload(rawPlace, events, instances);
  const raw = await measure({ kind: "raw", place: rawPlace, instances, events, warmUp });
  const whole = places.next(log);
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
for (const log of places.logs) {
  for (const instances of sizes) {
    const row = await run(log, instances);
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
  }
}
if (!values.json) console.table(rows.map(({ bench: _bench, ...row }) => row));
await places.close();
process.exit(0);

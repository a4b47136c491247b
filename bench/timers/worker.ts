/**
 * One measured process of `npm run bench -- timers`: an engine alone. Its argument is a Task as JSON; it
 * answers with what was asked for by a message to its parent.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "@millrace/engine/runtime/engine";
import { Ingest } from "@millrace/gateway/ingest/ingest";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { loadFlow } from "@millrace/shared/flow/load";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { allowAll } from "@millrace/shared/policy/authorize";
import { systemClock } from "@millrace/shared/ports/clock";
import { openPorts } from "../engine/installation.ts";
import type { Place } from "../places.ts";
import { waiting } from "./flow.ts";

export type Task =
  /** Arms so many timers, all due far away. */
  | { readonly kind: "arm"; readonly place: Place; readonly timers: number }
  /** Starts on what is there, and weighs itself. */
  | { readonly kind: "weigh"; readonly place: Place }
  /** Lets so many timers come due within a second, while events come in. */
  | { readonly kind: "burst"; readonly place: Place; readonly timers: number };

export interface Weight {
  readonly heapMiB: number;
  readonly rssMiB: number;
}

export interface Burst {
  /** From the last timer's time until all had fired, ms; it may be negative by the poll. */
  readonly drainedMs: number;
  /** Of events, from publish to the acknowledged step, ms. */
  readonly quiet: Percentiles;
  readonly busy: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

const FAR_MS = 24 * 60 * 60 * 1000;
const TICKS_PER_SECOND = 200;
const TICKING_THINGS = 50;

const task = JSON.parse(process.argv[2] ?? "{}") as Task;
const { log, store, close } = await openPorts(task.place);
const catalogue = new Catalogue(log.partitions, (flow, why) => console.error(flow, why));
const registry = new Registry(log, catalogue, systemClock);
await registry.start();
const events = new EventsWriter(log, systemClock);
const ingest = new Ingest({
  log,
  writer: events,
  catalogue,
  clock: systemClock,
  keepUnmatched: true,
});
let latencies: number[] = [];
const engine = new Engine({
  log,
  store,
  clock: systemClock,
  catalogue,
  events,
  authorize: allowAll,
  onLine: (level, message, facts) => {
    if (message.startsWith("tick ")) latencies.push(Date.now() - Number(message.slice(5)));
    else if (level === "error" || level === "warn") console.error(message, facts);
  },
  registryRead: () => registry.read(),
});
await engine.start();

async function publish(topic: string, payload: object): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(payload));
  await ingest.write({ ns: "default", client: "bench", topic, payload: bytes, qos: 1 });
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5);
}

async function publishFlow(): Promise<void> {
  const { flow } = loadFlow(waiting, "waiting.yaml");
  if (flow === undefined) throw new Error("the flow of the benchmark is not good");
  const { ns, name, version, file } = flow;
  await registry.publish({ v: 1, kind: "flow", ns, name, version, file, origin: "bench" } as never);
  await registry.read();
}

async function arm(timers: number, msOf: () => number): Promise<void> {
  const CHUNK = 2_000;
  for (let at = 0; at < timers; at += CHUNK) {
    const count = Math.min(CHUNK, timers - at);
    await Promise.all(
      Array.from({ length: count }, (_, i) => publish(`arm/t${at + i}`, { ms: msOf() })),
    );
  }
  await until(() => engine.counters.steps >= timers);
}

async function weigh(): Promise<Weight> {
  await sleep(6_000);
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapMiB: (heapUsed + external) / 2 ** 20, rssMiB: rss / 2 ** 20 };
}

async function burst(timers: number): Promise<Burst> {
  await publishFlow();
  const start = Date.now() + 5_000 + timers / 5; // time enough to arm them
  await arm(timers, () => Math.round(start + Math.random() * 1_000 - Date.now()));
  let ticks = 0;
  const ticker = setInterval(
    () => void publish(`tick/q${ticks++ % TICKING_THINGS}`, { at0: Date.now() }),
    1_000 / TICKS_PER_SECOND,
  );
  await sleep(1_000);
  latencies = [];
  await until(() => Date.now() >= start - 200);
  const quiet = percentiles(latencies);
  latencies = [];
  await until(() => engine.counters.timersFired >= timers);
  const drainedMs = Date.now() - (start + 1_000);
  const busy = percentiles(latencies);
  clearInterval(ticker);
  return { drainedMs, quiet, busy };
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function answer(): Promise<unknown> {
  switch (task.kind) {
    case "arm":
      await publishFlow();
      return await arm(task.timers, () => FAR_MS + Math.round(Math.random() * FAR_MS));
    case "weigh":
      return await weigh();
    case "burst":
      return await burst(task.timers);
  }
}

const figures = await answer();
await engine.stop();
await registry.stop();
await close();
process.send?.(figures ?? {}, () => process.exit(0));

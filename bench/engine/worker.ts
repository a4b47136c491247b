/**
 * One measured process of `npm run bench -- engine`: the engine alone on a topic that is full already,
 * the raw cost of the same reading and writing with the same clients, or the store made anew, or its steps
 * decided again, from what the engine has written.
 *
 * Its argument is a Task as JSON; it answers with a Figures by a message to its parent.
 */
import { rebuild } from "@millrace/engine/query/rebuild";
import { verify } from "@millrace/engine/query/verify/verify";
import { Engine } from "@millrace/engine/runtime/engine";
import { startTracer } from "@millrace/shared/adapters/opentelemetry/otlp";
import type { SdkTracer } from "@millrace/shared/adapters/opentelemetry/tracer";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { loadFlow } from "@millrace/shared/flow/load";
import { Registry } from "@millrace/shared/log/registry";
import { allowAll } from "@millrace/shared/policy/authorize";
import { systemClock } from "@millrace/shared/ports/clock";
import type { NewRecord } from "@millrace/shared/ports/event-log";
import type { StoredInstance } from "@millrace/shared/ports/state-store";
import { motionLight } from "./fleet.ts";
import { openPorts, type Ports } from "./installation.ts";
import type { Place } from "../places.ts";

export interface Task {
  readonly kind: "engine" | "raw" | "rebuild" | "verify" | "what-if";
  readonly place: Place;
  readonly instances: number;
  /** Records on the events topic. */
  readonly events: number;
  /** Of these, how many go by before the measuring begins. */
  readonly warmUp: number;
  /** Whether the engine leaves the whole journal to a rebuild. */
  readonly keepsAll?: boolean;
  /** The collector its spans go to, and the share of traces that is sampled; no tracing without it. */
  readonly tracing?: { readonly url: string; readonly sampled: number };
}

export interface Figures {
  /** Records that were read; of the journal, where it is rebuilt. */
  readonly events: number;
  readonly steps: number;
  readonly seconds: number;
  /** User and system time of the process, all its threads. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** Measures from when `warmUp` events are done until all are. */
class Meter {
  readonly #task: Task;
  #from: { ms: number; cpu: NodeJS.CpuUsage; events: number; steps: number } | undefined;

  constructor(task: Task) {
    this.#task = task;
  }

  /** @returns the figures, once everything is done */
  look(events: number, steps: number): Figures | undefined {
    if (events < this.#task.warmUp) return undefined;
    this.#from ??= { ms: performance.now(), cpu: process.cpuUsage(), events, steps };
    if (events < this.#task.events) return undefined;
    const { user, system } = process.cpuUsage(this.#from.cpu);
    return {
      events: events - this.#from.events,
      steps: steps - this.#from.steps,
      seconds: (performance.now() - this.#from.ms) / 1_000,
      cpuSeconds: (user + system) / 1e6,
      rssBytes: process.memoryUsage().rss,
    };
  }
}

const POLL_MS = 5;

async function runEngine(task: Task, { log, store }: Ports): Promise<Figures> {
  const clock = systemClock;
  const catalogue = new Catalogue(log.partitions, (flow, why) => {
    throw new Error(`${flow}: ${why}`);
  });
  const registry = new Registry(log, catalogue, clock);
  await registry.start();
  const tracer = tracerOf(task);
  const engine = new Engine({
    log,
    tracer,
    store,
    clock,
    catalogue,
    events: new EventsWriter(log, clock),
    authorize: allowAll,
    onLine: (level, message, facts) => {
      if (level === "error" || level === "warn") console.error(message, facts);
    },
    registryRead: () => registry.read(),
    ...(task.keepsAll === true && { options: { checkpointRecordsMin: Number.POSITIVE_INFINITY } }),
  });
  await engine.start();
  const meter = new Meter(task);
  const figures = await new Promise<Figures>((resolve) => {
    const timer = setInterval(() => {
      const { records, steps } = engine.counters;
      const done = meter.look(records, steps);
      if (done === undefined) return;
      clearInterval(timer);
      resolve(done);
    }, POLL_MS);
  });
  await engine.stop();
  await registry.stop();
  await tracer?.stop();
  return figures;
}

function tracerOf({ tracing }: Task): SdkTracer | undefined {
  if (tracing === undefined) return undefined;
  const { url, sampled } = tracing;
  const target = { url, protocol: "http/protobuf", timeoutMs: 10_000, process: {} } as const;
  return startTracer(target, "parentbased_traceidratio", sampled);
}

/** Records of one turn, which one append carries. */
const TURN = 1_000;

/**
 * Reads every event, and for each a record of a step's size is appended and an instance of its size
 * committed, in the engine's own batches; nothing is looked at.
 */
async function runRaw(task: Task, { log, store }: Ports): Promise<Figures> {
  const meter = new Meter(task);
  const journals = Array.from(
    { length: log.partitions },
    (_, p) => new RawPartition(p, log.id, task.instances),
  );
  const { promise, resolve, reject } = Promise.withResolvers<Figures>();
  const waiting = new Map<number, Promise<void>>();
  let events = 0;
  const write = async (before: Promise<void> | undefined, partition: number, count: number) => {
    await before;
    await journals[partition]?.write({ log, store }, count);
    events += count;
    const done = meter.look(events, events);
    if (done !== undefined) resolve(done);
  };
  const take = (partition: number, count: number): void => {
    const work = write(waiting.get(partition), partition, count);
    waiting.set(partition, work);
    work.catch(reject);
  };
  const subscribed = log.subscribe("events", "raw", {
    assigned(partitions) {
      const seek = async () => {
        const subscription = await subscribed;
        for (const partition of partitions) subscription.seek(partition, 0);
      };
      seek().catch(reject);
    },
    revoked: () => {},
    records: (partition, records) => {
      for (let at = 0; at < records.length; at += TURN) {
        take(partition, Math.min(TURN, records.length - at));
      }
    },
    failed: reject,
  });
  return await promise;
}

/** What the engine writes for one event of the motion light, by size. */
const HEADER = JSON.stringify({
  v: 1,
  kind: "step",
  e: 0,
  n: 1_000,
  fx: ["command"],
  trace: "0".repeat(55),
});
const STEP = "x".repeat(800);
const INSTANCE = "x".repeat(420);

class RawPartition {
  readonly #partition: number;
  readonly #logId: string;
  readonly #instances: number;
  #epoch: number | undefined;
  #from = { offset: 0, epoch: -1, n: 0 };
  #n = 0;

  constructor(partition: number, logId: string, instances: number) {
    this.#partition = partition;
    this.#logId = logId;
    this.#instances = instances;
  }

  async write({ log, store }: Omit<Ports, "close">, count: number): Promise<void> {
    const partition = this.#partition;
    const records: NewRecord[] = [];
    for (let i = 0; i < count; i++) {
      records.push({ key: `default/d${this.#n + i}`, header: HEADER, value: STEP });
    }
    const { offset } = await log.append("journal", partition, records);
    this.#epoch ??= offset;
    if (this.#from.offset === 0) {
      this.#from = (await store.claim(partition, this.#epoch, this.#logId)).journal;
    }
    const to = { offset: offset + count, epoch: this.#epoch, n: this.#n + count };
    await store.commit(partition, this.#epoch, {
      from: this.#from,
      to,
      input: { offset: this.#n + count, time: 0, stamps: new Map() },
      instances: records.map((_, i) => this.#instance(this.#n + i, offset + i)),
      rejections: [],
      due: { after: 0, by: 0 },
    });
    this.#from = to;
    this.#n += count;
  }

  #instance(n: number, offset: number): StoredInstance {
    const name = `d${n % this.#instances}`;
    const id = `default/motion-light/${name}` as StoredInstance["id"];
    const index = {
      flow: "default/motion-light",
      states: ["lit"],
      status: "running",
      things: [`default/${name}`],
      parked: false,
    } as const;
    return { id, json: `{"x":"${INSTANCE}"}`, index, was: index, steps: [offset], begins: false };
  }
}

/** As many partitions as `millrace rebuild` has under way at once. */
const REBUILT_AT_ONCE = 4;

async function runRebuild(_task: Task, { log, store }: Ports): Promise<Figures> {
  const parts = { log, store, clock: systemClock, worker: "bench" };
  const waiting = Array.from({ length: log.partitions }, (_, partition) => partition);
  let records = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      let folded = 0;
      await rebuild(parts, next, true, ({ from, at }) => {
        folded = at - from;
      });
      records += folded;
    }
  };
  await work(); // the code is warm then
  waiting.push(...Array.from({ length: log.partitions }, (_, partition) => partition));
  records = 0;
  const from = { ms: performance.now(), cpu: process.cpuUsage() };
  await Promise.all(Array.from({ length: REBUILT_AT_ONCE }, work));
  const { user, system } = process.cpuUsage(from.cpu);
  return {
    events: records,
    steps: 0,
    seconds: (performance.now() - from.ms) / 1_000,
    cpuSeconds: (user + system) / 1e6,
    rssBytes: process.memoryUsage().rss,
  };
}

/** Every step of the journal, decided again: once to warm up, then measured. */
async function runVerify({ kind }: Task, { log }: Ports): Promise<Figures> {
  const { flow } = loadFlow(motionLight.replace("lux < 40", "lux < 15"), "other.yaml");
  const options = {
    range: { since: undefined, until: undefined },
    onDifference: () => {},
    ...(kind === "what-if" && flow !== undefined && { with: flow }),
  };
  await verify(log, options);
  const from = { ms: performance.now(), cpu: process.cpuUsage() };
  const { steps, decided } = await verify(log, options);
  const { user, system } = process.cpuUsage(from.cpu);
  return {
    events: decided,
    steps,
    seconds: (performance.now() - from.ms) / 1_000,
    cpuSeconds: (user + system) / 1e6,
    rssBytes: process.memoryUsage().rss,
  };
}

const runs = {
  engine: runEngine,
  raw: runRaw,
  rebuild: runRebuild,
  verify: runVerify,
  "what-if": runVerify,
};
const task = JSON.parse(process.argv[2] ?? "") as Task;
const ports = await openPorts(task.place);
const figures = await runs[task.kind](task, ports);
process.send?.(figures);
// What is still open belongs to a run that is over.
process.exit(0);

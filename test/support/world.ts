import { redriven } from "@millrace/cli/compose/rejections";
import type { OperatorCommand, Where } from "@millrace/shared/contract/event-record";
import type { Bindings, Instance, StateValue } from "@millrace/shared/contract/instance";
import {
  parseJournalHeader,
  type Rejected,
  type Step,
} from "@millrace/shared/contract/journal-record";
import { instanceId, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { JournalReader } from "@millrace/shared/contract/reader";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { Engine } from "@millrace/engine/runtime/engine";
import type { InHand, InputInHand } from "@millrace/engine/runtime/in-hand";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { Ingest } from "@millrace/gateway/ingest/ingest";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { allowAll, type Authorize } from "@millrace/shared/policy/authorize";
import { settle, SimClock } from "./sim-clock.ts";

/**
 * A whole installation in memory, on a clock that only moves when told to: the real ingest and engine
 * on the memory adapters. No wait, no socket.
 */
export interface WorldOptions {
  readonly seed?: number;
  /** Flow files, as text. */
  readonly flows: readonly string[];
  readonly partitions?: number;
  readonly engine?: Partial<EngineOptions>;
  readonly authorize?: Authorize;
  readonly inHand?: InHand;
  /** What the process before hung on, asked at each start. */
  readonly hungOn?: () => InputInHand | undefined;
}

export interface Deployed {
  readonly name: string;
  readonly flow: string;
  readonly things: Bindings;
}

/** What an operator says with an act. */
interface Act {
  readonly id?: string;
  readonly where?: Where;
  readonly payload?: object;
}

export async function simulate(options: WorldOptions): Promise<World> {
  const world = new World(options);
  await world.start();
  for (const text of options.flows) await world.publishFlow(text);
  return world;
}

/** One process of the world; its memory dies with it. */
export class Process {
  readonly log: MemoryLog;
  readonly engine: Engine;
  readonly ingest: Ingest;
  readonly registry: Registry;
  readonly catalogue: Catalogue;
  readonly events: EventsWriter;

  constructor(world: World) {
    this.log = new MemoryLog(world.logs);
    const store = new MemoryStateStore(world.states);
    const { clock } = world;
    this.catalogue = new Catalogue(world.logs.partitions, (flow, why) =>
      world.lines.push(`error ${flow}: ${why}`),
    );
    this.registry = new Registry(this.log, this.catalogue, clock);
    this.events = new EventsWriter(this.log, clock);
    this.ingest = new Ingest({
      log: this.log,
      writer: this.events,
      catalogue: this.catalogue,
      clock,
      keepUnmatched: true,
    });
    this.engine = new Engine({
      log: this.log,
      store,
      clock,
      catalogue: this.catalogue,
      events: this.events,
      authorize: world.options.authorize ?? allowAll,
      ...(world.options.engine && { options: world.options.engine }),
      inHand: world.options.inHand,
      hungOn: world.options.hungOn?.(),
      onLine: (level, message, facts) =>
        world.lines.push(`${level} ${message} ${JSON.stringify(facts ?? {})}`),
      registryRead: () => this.registry.read(),
    });
  }

  async start(): Promise<void> {
    await this.registry.start();
    await this.engine.start();
  }
}

export class World {
  readonly options: WorldOptions;
  readonly clock: SimClock;
  readonly logs: MemoryLogServer;
  readonly states = new MemoryStateServer();
  /** What processes had to say to operators. */
  readonly lines: string[] = [];
  process: Process;

  constructor(options: WorldOptions) {
    this.options = options;
    this.clock = new SimClock(options.seed ?? 1);
    this.logs = new MemoryLogServer({ clock: this.clock, partitions: options.partitions ?? 4 });
    this.process = new Process(this);
  }

  async start(): Promise<void> {
    await this.process.start();
    await this.clock.advance(0);
  }

  async publishFlow(text: string): Promise<string> {
    const { flow, faults } = loadFlow(text, "flow.yaml");
    if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
    return await this.publishLoaded(flow);
  }

  async publishLoaded(flow: Flow): Promise<string> {
    const { ns, name, version, file } = flow;
    const record = { v: 1, kind: "flow", ns, name, version, file, origin: "test" } as const;
    await this.process.registry.publish(record as never);
    return version;
  }

  /** Binds a flow to things. */
  async deploy(...deployments: readonly Deployed[]): Promise<void> {
    const records = deployments.map(
      ({ name, flow, things }) =>
        ({ v: 1, kind: "deployment", ns: "default", name, flow, things, origin: "test" }) as const,
    );
    await this.process.registry.publish(...records);
  }

  async undeploy(name: string): Promise<void> {
    const record = { v: 1, kind: "undeployed", ns: "default", name, origin: "test" } as const;
    await this.process.registry.publish(record);
  }

  /** A device publishes; resolves when it would have its PUBACK and the engine has nothing to do. */
  async publish(topic: string, payload: unknown, client = "client"): Promise<void> {
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
    const done = this.process.ingest.write({
      ns: "default",
      client,
      topic,
      payload: bytes,
      qos: 1,
    });
    done.catch(() => {}); // thrown below, when it is awaited
    await settle();
    await done;
    await settle();
  }

  async signal(
    instance: string,
    type: string,
    payload: object = {},
    id = `s${Math.random()}`,
    where?: Where,
  ): Promise<void> {
    await this.#say(instance, { kind: "signal", type, id, where }, payload);
  }

  /** An operator wants something of an instance. */
  async operate(
    instance: string,
    action: OperatorCommand["action"],
    { id = `o${Math.random()}`, where, payload = {} }: Act = {},
  ): Promise<void> {
    await this.#say(instance, { kind: "operator", action, id, where }, payload);
  }

  async #say(instance: string, said: object, payload: object): Promise<void> {
    const { flow, key } = refOf(instance);
    const { events } = this.process;
    const header = { v: 1, ns: "default", flow, key, ...said, ...events.stamp() };
    await events.write(partitionOf(logKey("default", key), this.logs.partitions), {
      key: logKey("default", key),
      header: JSON.stringify(header),
      value: JSON.stringify(payload),
    });
    await settle();
  }

  /** An event that comes while no engine lives. */
  async publishWithoutEngine(topic: string): Promise<void> {
    const gateway = new Process(this);
    await gateway.registry.start();
    const payload = Buffer.from("{}");
    await gateway.ingest.write({ ns: "default", client: "c", topic, payload, qos: 1 });
  }

  /** Gives the nth of all rejected inputs again. */
  async redrive(nth: number): Promise<void> {
    const rejected = this.counting().filter(({ kind }) => kind === "rejected");
    const { partition = 0, offset = 0 } = rejected.at(nth) ?? {};
    const { log, events } = this.process;
    const { header, ...record } = await redriven(log, { ns: "default", partition, offset });
    const stamped = { ...record, header: JSON.stringify({ ...header, ...events.stamp() }) };
    await events.write(partition, stamped);
    await settle();
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** The process dies, and another starts on the same servers. */
  async crashAndRecover(): Promise<void> {
    this.crash();
    await this.recover();
  }

  crash(): void {
    void this.process.log.close();
    this.process.events.close();
    // Its timers would still run: the dead process must not be heard of again.
    this.process.engine.kill();
  }

  async recover(): Promise<void> {
    this.process = new Process(this);
    await this.start();
  }

  /** An instance as the journal has it. */
  instance(name: string): Instance {
    const { flow, key } = refOf(name);
    const id = instanceId({ ns: "default", flow, key });
    const last = this.steps(name).at(-1);
    if (last === undefined) throw new Error(`no step of ${id} in the journal`);
    return last.instance;
  }

  steps(name: string): Step[] {
    const { flow, key } = refOf(name);
    return this.counting()
      .filter(({ kind }) => kind === "step")
      .map(({ body }) => body as Step)
      .filter(({ instance }) => instance.flow === flow && instance.key === key);
  }

  rejections(): Rejected[] {
    return this.counting()
      .filter(({ kind }) => kind === "rejected")
      .map(({ body }) => body as Rejected);
  }

  /** Records of the journal that count, in order, partition by partition. */
  counting(): { partition: number; offset: number; kind: string; body: unknown }[] {
    return Array.from({ length: this.logs.partitions }, (_, partition) => {
      const reader = new JournalReader();
      return this.logs.all("journal", partition).flatMap((record) => {
        const header = parseJournalHeader(record.header);
        if (reader.read(record.offset, header) !== "counts" || header === undefined) return [];
        const body: unknown = JSON.parse(record.value?.toString() ?? "null");
        return [{ partition, offset: record.offset, kind: header.kind, body }];
      });
    }).flat();
  }

  /** One short line a step: `motion: idle > lit`. */
  history(name: string): string[] {
    return this.steps(name).map(
      ({ cause, from, instance }) => `${cause.type}: ${write(from)} > ${write(instance.state)}`,
    );
  }
}

function refOf(name: string): { flow: string; key: string } {
  const [flow = "", ...key] = name.split("/");
  return { flow, key: key.join("/") };
}

function write(state: StateValue | null): string {
  if (state === null) return "·";
  return typeof state === "string" ? state : JSON.stringify(state);
}

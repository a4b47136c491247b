import type { Instance } from "@millrace/shared/contract/instance";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import { isOperational, messageOf } from "@millrace/shared/errors/operational";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { Authorize } from "@millrace/shared/policy/authorize";
import { type Clock, randomName } from "@millrace/shared/ports/clock";
import type { EventLog, Subscription } from "@millrace/shared/ports/event-log";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { Observe } from "@millrace/shared/telemetry/observe";
import { BrokerClocks } from "./broker-clocks.ts";
import { Turnstile } from "./caution.ts";
import { engineCounters, engineDurations } from "./counters.ts";
import { defaultEngineOptions, type EngineOptions } from "./options.ts";
import type { EngineHost, LogLevel, LogLine } from "./engine-host.ts";
import { observeCounters, observePartitions } from "./observed.ts";
import { type OwnerState, PartitionOwner } from "./partition-owner.ts";
import { InHand, type InputInHand } from "./in-hand.ts";
import { worldOf } from "./world.ts";
import { TimerTurns } from "./timer-turns.ts";

/** The group that shares the partitions of `events` among engines; on Kafka, `millrace-engine`. */
const ENGINE_GROUP = "engine";

/** One partition that an engine holds. */
interface EnginePartition {
  readonly partition: number;
  readonly state: OwnerState;
  /** How far its input is decided; undefined while it is not owned. */
  readonly input: number | undefined;
}

export interface EngineParts {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly events: EventsWriter;
  readonly authorize: Authorize;
  readonly tracer?: Tracer | undefined;
  readonly options?: Partial<EngineOptions>;
  readonly onLine: LogLine;
  /** Where it says what it has in hand, for a thread that watches it. */
  readonly inHand?: InHand | undefined;
  /** What the process before this one hung on. */
  readonly hungOn?: InputInHand | undefined;
  registryRead(): Promise<void>;
}

/** Turns inputs into steps, for the partitions that the group gives this process. */
export class Engine {
  readonly counters = engineCounters();
  readonly durations = engineDurations();
  readonly #parts: EngineParts;
  readonly #owners = new Map<number, PartitionOwner>();
  readonly #host: EngineHost;
  readonly #unknown = new Set<string>();
  #subscription: Subscription | undefined;
  /** Owners that finish what is under way: who gets their partition next waits for them. */
  readonly #stopping = new Map<number, Promise<unknown>>();
  /** Offsets that the group was last told. */
  readonly #told = new Map<number, number>();
  #cancelTick: (() => void) | undefined;
  /** Why the input of a partition cannot be read on. */
  readonly #failures = new Map<number, string>();
  #hungOn: InputInHand | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { log, store, clock, catalogue, events, authorize, tracer, onLine } = parts;
    const options = { ...defaultEngineOptions, ...parts.options };
    this.#hungOn = parts.hungOn;
    this.#host = {
      worker: randomName(clock, "e"),
      log,
      store,
      clock,
      catalogue,
      events,
      tracer,
      world: worldOf(catalogue, authorize, options.limits),
      options,
      counters: this.counters,
      durations: this.durations,
      brokerClocks: new BrokerClocks(clock, onLine),
      turnstile: new Turnstile(),
      timerTurns: new TimerTurns(clock),
      inHand: parts.inHand ?? new InHand(),
      takeHungOn: (partition) => this.#takeHungOn(partition),
      subscription: () => {
        if (this.#subscription === undefined) throw new Error("the engine is not started");
        return this.#subscription;
      },
      registryRead: () => parts.registryRead(),
      checkVersion: (instance) => this.#checkVersion(instance),
      cachedInstancesMax: () => this.#share(options.cachedInstancesMax),
      arrivedBytesMax: () => this.#share(options.arrivedBytesMax),
      onLog: (level, message, facts) => onLine(level as LogLevel, message, facts),
      onEvent: onLine,
    };
  }

  #takeHungOn(partition: number): InputInHand | undefined {
    const hungOn = this.#hungOn;
    if (hungOn?.partition !== partition) return undefined;
    this.#hungOn = undefined;
    return hungOn;
  }

  /** One partition's part of what all of them may have. */
  #share(max: number): number {
    return Math.ceil(max / Math.max(1, this.#owners.size));
  }

  #checkVersion({ ns, flow, key, version }: Instance): void {
    const { catalogue, onLine } = this.#parts;
    if (catalogue.version(version) !== undefined || this.#unknown.has(version)) return;
    this.#unknown.add(version);
    const facts = { flow: `${ns}/${flow}`, version, instance: key };
    onLine("error", "instances run a flow version that is not known here; they wait for it", facts);
  }

  async start(): Promise<void> {
    const pending: (() => void)[] = [];
    const whenStarted = (call: () => void): void => {
      if (this.#subscription === undefined) pending.push(call);
      else call();
    };
    this.#subscription = await this.#parts.log.subscribe("events", ENGINE_GROUP, {
      assigned: (partitions) => whenStarted(() => this.#assigned(partitions)),
      revoked: (partitions) => whenStarted(() => this.#revoked(partitions)),
      records: (partition, records) => this.#owners.get(partition)?.arrive(records),
      failed: (error) => {
        if (isOperational(error, "LOG-006"))
          this.#failures.set(error.facts.partition, messageOf(error));
        this.#parts.onLine("error", "subscription failed", { why: messageOf(error) });
      },
    });
    for (const call of pending) call();
    this.#tellLag();
  }

  #tellLag(): void {
    const { clock, options, subscription } = this.#host;
    this.#cancelTick = clock.after(options.lagMs, () => {
      for (const { partition, inputOffset } of this.#owners.values()) {
        if (inputOffset === undefined || this.#told.get(partition) === inputOffset) continue;
        this.#told.set(partition, inputOffset);
        subscription()
          .bookmark(partition, inputOffset, "")
          .catch(() => this.#told.delete(partition));
      }
      this.#tellLag();
    });
  }

  #assigned(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const owner = new PartitionOwner(partition, this.#host);
      this.#owners.set(partition, owner);
    }
    for (const partition of partitions) {
      const owner = this.#owners.get(partition);
      const before = this.#stopping.get(partition);
      if (owner !== undefined) void startAfter(before, owner);
    }
  }

  #revoked(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const owner = this.#owners.get(partition);
      this.#owners.delete(partition);
      this.#failures.delete(partition);
      if (owner === undefined) continue;
      const before = this.#stopping.get(partition) ?? Promise.resolve();
      const all = [before, owner.stop()];
      const stopping = Promise.all(all).finally(() => {
        if (this.#stopping.get(partition) === stopping) this.#stopping.delete(partition);
      });
      this.#stopping.set(partition, stopping);
    }
  }

  /** Partitions held, each with its state; for health and look-ups. */
  partitions(): readonly EnginePartition[] {
    return [...this.#owners.values()]
      .map((owner) => ({
        partition: owner.partition,
        state: owner.state,
        input: owner.inputOffset,
      }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** What there is to know of its work now. @param ends where `events` ends, by partition */
  observe(observe: Observe, ends: ReadonlyMap<number, number>): void {
    observeCounters(observe, this.counters, this.durations);
    observePartitions(observe, [...this.#owners.values()], ends);
    const { journalBytesMax } = this.#host.options;
    observe("millrace.engine.journal.size.max", journalBytesMax);
  }

  /** How many partitions have input that waits for longer than `lagMsMax`. */
  get behind(): number {
    const { lagMsMax } = this.#host.options;
    if (lagMsMax === 0) return 0;
    return [...this.#owners.values()].filter(({ waitingMs }) => waitingMs > lagMsMax).length;
  }

  /** Why the input of a partition cannot be read on, where that is so. */
  get failure(): string | undefined {
    const [failure] = this.#failures.values();
    return failure;
  }

  /** Ends at once, as a process that is killed does: nothing is finished, nobody is told. */
  kill(): void {
    this.#cancelTick?.();
    for (const owner of this.#owners.values()) owner.kill();
    this.#owners.clear();
  }

  /** Stops intake, finishes appends, lets the store catch up, leaves the group. */
  async stop(): Promise<void> {
    this.#cancelTick?.();
    const owners = [...this.#owners.values()];
    this.#owners.clear();
    await Promise.all([...this.#stopping.values(), ...owners.map((owner) => owner.stop())]);
    await this.#subscription?.close();
  }
}

async function startAfter(
  before: Promise<unknown> | undefined,
  owner: PartitionOwner,
): Promise<void> {
  if (before !== undefined) await before;
  owner.start();
}

import { WRITER_SILENT_MS_MAX } from "@millrace/shared/contract/position";
import { assert } from "@millrace/shared/errors/assert";
import { Dispatcher } from "./dispatcher.ts";
import type { Asked, EventType } from "./instance.ts";
import { Owner } from "./owner.ts";
import { Partition, type Shared } from "./partition.ts";
import { Random } from "./random.ts";
import type { EventRecord } from "./records.ts";
import type { Rules } from "./rules.ts";

const ACTION_MS = 1_000;
/** Whoever was away that long has been forgotten by all who forget. */
const OUTAGE_MS = WRITER_SILENT_MS_MAX + 2 * 60 * 60 * 1000;
const EVENTS_MAX = 20;

const keysOf: readonly (readonly string[])[] = [
  ["a", "b", "c"],
  ["d", "e"],
];

const types: readonly EventType[] = ["x", "x", "x", "y", "z", "quit", "quit"];
const asked: readonly Asked[] = ["nothing", "nothing", "command", "owed command", "send"];

/** One partition and the processes that work on it. */
export interface Site {
  readonly partition: Partition;
  readonly owners: readonly Owner[];
  readonly dispatchers: readonly Dispatcher[];
}

/** Two partitions, each with two owners and two dispatchers, and the devices. */
export class World {
  readonly sites: readonly Site[];
  readonly random: Random;
  readonly history: string[] = [];
  readonly executed = new Set<string>();
  readonly #partitions: Partition[];
  readonly #published: { event: Omit<EventRecord, "time">; to: Partition }[] = [];
  /** How many of them are from before the last outage: no gateway repeats these. */
  #beforeOutage = 0;
  readonly #counts = new Map<string, number>();
  readonly #tells: boolean;
  #time = 0;
  /** How often what can go wrong does: 1 is often, 0 is never. */
  trouble = 1;
  failure: string | undefined;

  /** @param tells whether a history is kept, of one line an action */
  constructor(seed: number, rules: Rules, tells: boolean) {
    this.random = new Random(seed);
    this.#tells = tells;
    this.#partitions = [];
    const shared: Shared = {
      rules,
      random: this.random,
      partitions: this.#partitions,
      executed: this.executed,
      time: () => this.#time,
      faulty: () => this.random.chance(this.trouble),
      fail: (what) => {
        this.failure ??= what;
      },
      note: (line) => this.note(line),
      partitionOf: (key) => this.partitionOf(key),
    };
    this.sites = keysOf.map((_, index) => this.#makeSite(index, shared));
  }

  #makeSite(index: number, shared: Shared): Site {
    const partition = new Partition(index, shared);
    this.#partitions.push(partition);
    const owners = ["A", "B"].map((name) => new Owner(name, partition, shared));
    const dispatchers = ["D", "E"].map((name) => new Dispatcher(name, partition, shared));
    return { partition, owners, dispatchers };
  }

  partitionOf(key: string): Partition {
    const partition = this.#partitions[keysOf.findIndex((keys) => keys.includes(key))];
    assert(partition !== undefined, "every key has a partition");
    return partition;
  }

  note(line: () => string): void {
    if (this.#tells) this.history.push(`${this.#time / ACTION_MS} ${line()}`);
  }

  tick(): void {
    this.#time += ACTION_MS;
  }

  /** Everything stands still for over a day; what was still on its way gets lost. */
  outage(): void {
    this.note(() => "an outage of a day");
    for (const { partition } of this.sites) {
      partition.lateEvents = partition.lateEvents.filter(({ writer }) => writer.includes("/"));
    }
    this.#beforeOutage = this.#published.length;
    this.#time += OUTAGE_MS;
  }

  /** A device publishes. @param wanted where the event is not to be any one */
  publish(partition: Partition, wanted: Partial<EventRecord> = {}): void {
    if (this.#published.length >= EVENTS_MAX) return;
    const { random } = this;
    const writer = random.chance(0.5) ? "g" : "h";
    const n = this.#counts.get(writer) ?? 0;
    this.#counts.set(writer, n + 1);
    const [own = [], others = []] = partition.index === 0 ? keysOf : keysOf.toReversed();
    const keys = [random.of(own), random.chance(0.3) ? random.of(others) : undefined];
    const event = {
      id: `${writer}${n}`,
      writer,
      n,
      type: random.of(types) as EventType,
      keys: keys.filter((key) => key !== undefined),
      asks: random.of(asked) as Asked,
      to: random.of([...own, ...others]) as string,
      ...wanted,
    };
    this.note(() => `${partition.index} event ${event.id}: ${event.type} for ${event.keys.join()}`);
    this.#published.push({ event, to: partition });
    partition.publish(event);
  }

  /** A gateway repeats an append that was not answered. */
  republish(): void {
    const one = this.random.of(this.#published.slice(this.#beforeOutage));
    one?.to.publish(one.event);
  }
}

import { randomBytes } from "node:crypto";
import type { Database } from "lmdb";
import type { EpochMs } from "../../contract/time.ts";
import { assert } from "../../errors/assert.ts";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Appended,
  Bounds,
  EventLog,
  LogRecord,
  NewRecord,
  PublishedRecord,
  Subscription,
  SubscriptionEvents,
  Topic,
} from "../../ports/event-log.ts";
import { followLocal } from "../local/follow.ts";
import { Groups } from "../local/groups.ts";
import { readLocal } from "../local/read.ts";
import { type LocalLog, LocalSubscription } from "../local/subscription.ts";
import type { Environment } from "./environment.ts";

/** One append: its time, and its records as key, header, value. */
type StoredBatch = [
  time: EpochMs,
  records: [key: string | null, header: string, value: Buffer | null][],
];
type BatchKey = [topic: string, partition: number, offset: number];

interface Partition {
  start: number;
  /** Offset of the next record, those under way included. */
  end: number;
  /** Offset of the next record that readers may see: everything before it is on disk. */
  flushed: number;
  lastTime: EpochMs;
  appending: boolean;
}

/** What others publish to is not ours to keep for ever. */
const PUBLISHED_KEPT_MAX = 10_000;

/**
 * The embedded log: appends are stored whole, one entry each, and acknowledged when they are on disk.
 * Nothing is read, by this process either, before it is: what a crash takes back, nobody has seen. (One
 * who reads beside the folder's process may see an append some milliseconds sooner; it writes nothing.)
 */
export class LmdbLog implements EventLog, LocalLog {
  readonly id: string;
  readonly partitions: number;
  readonly groups: Groups;
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #batches: Database<StoredBatch, BatchKey>;
  readonly #meta: Database<unknown, string | [string, string, number]>;
  readonly #open = new Map<string, Partition>();
  readonly #watchers = new Set<(topic: Topic, partition: number) => void>();
  readonly #closing: (() => Promise<void>)[] = [];
  #published = 0;
  #broken: unknown;

  private constructor(environment: Environment, clock: Clock, id: string, partitions: number) {
    this.#environment = environment;
    this.#clock = clock;
    this.id = id;
    this.partitions = partitions;
    this.groups = new Groups((topic) => (topic === "registry" ? 1 : partitions));
    this.#batches = environment.root.openDB({ name: "log" });
    this.#meta = environment.root.openDB({ name: "meta" });
  }

  /**
   * @param partitions for a new folder; an old one keeps the count that it was made with
   * @throws OperationalError LOG-004 when an old folder has another count than was asked for, START-004 when
   * one who reads beside the folder's process comes before that has made a log
   */
  static async open(
    environment: Environment,
    clock: Clock,
    partitions: number | undefined,
  ): Promise<LmdbLog> {
    // lmdb has none for one who reads, where there is none yet.
    const meta = environment.root.openDB<{ id: string; partitions: number }, string>({
      name: "meta",
    }) as Database<{ id: string; partitions: number }, string> | undefined;
    let identity = meta?.get("identity");
    if (meta === undefined || (identity === undefined && environment.isBeside)) {
      const { folder } = environment;
      const cause = "there is no log in it yet";
      throw new OperationalError("START-004", { folder, cause }, `${folder}: ${cause}`);
    }
    if (identity === undefined) {
      identity = { id: randomBytes(9).toString("base64url"), partitions: partitions ?? 8 };
      await meta.put("identity", identity);
      await environment.root.flushed;
    }
    if (partitions !== undefined && partitions !== identity.partitions) {
      throw new OperationalError(
        "LOG-004",
        { recorded: identity.partitions, found: partitions },
        `this log was made with ${identity.partitions} partitions, MILLRACE_PARTITIONS asks for ${partitions}; a key would move to another partition`,
      );
    }
    return new LmdbLog(environment, clock, identity.id, identity.partitions);
  }

  #partition(topic: Topic, partition: number): Partition {
    const name = `${topic}/${partition}`;
    let known = this.#open.get(name);
    if (known === undefined) {
      known = this.#find(topic, partition);
      this.#open.set(name, known);
    } else if (this.#environment.isBeside) {
      // What the folder's process appends is not looked at; what it has deleted is gone, and a snapshot
      // that is held would keep lmdb from using the room again.
      this.#environment.root.resetReadTxn();
      known.start = this.#startOf(topic, partition);
    }
    return known;
  }

  #startOf(topic: Topic, partition: number): number {
    return (this.#meta.get(["start", topic, partition]) as number | undefined) ?? 0;
  }

  #find(topic: Topic, partition: number): Partition {
    const start = this.#startOf(topic, partition);
    const found: Partition = { start, end: start, flushed: start, lastTime: 0, appending: false };
    const range = { start: [topic, partition, Infinity], end: [topic, partition, -1] };
    for (const { key, value } of this.#batches.getRange({
      ...range,
      reverse: true,
      limit: 1,
    } as never)) {
      found.end = key[2] + value[1].length;
      found.flushed = found.end;
      found.lastTime = value[0];
    }
    return found;
  }

  async append(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const log = this.#partition(topic, partition);
    assert(!log.appending, "one append under way per partition of a topic");
    assert(records.length > 0, "an append has records");
    if (this.#broken !== undefined) throw this.#unanswered(topic, partition);
    log.appending = true;
    const offset = log.end;
    const time = Math.max(log.lastTime, this.#clock.wallMs());
    log.end += records.length;
    log.lastTime = time;
    const batch: StoredBatch = [
      time,
      records.map(({ key, header, value }) => [key, header, bytes(value)]),
    ];
    try {
      await this.#batches.put([topic, partition, offset], batch);
      await this.#environment.root.flushed;
    } catch (error) {
      // The disk is full or broken: nothing more is taken, or later appends would leave a hole.
      this.#broken = error;
      throw this.#unanswered(topic, partition);
    } finally {
      log.appending = false;
    }
    log.flushed = offset + records.length;
    for (const watcher of this.#watchers) watcher(topic, partition);
    return { offset, time };
  }

  #unanswered(topic: Topic, partition: number): OperationalError<"LOG-002"> {
    const cause = messageOf(this.#broken);
    return new OperationalError(
      "LOG-002",
      { topic, partition, cause },
      `${this.#environment.folder} cannot be written: ${cause}; make room and start again`,
    );
  }

  slice(topic: Topic, partition: number, from: number, max: number): readonly LogRecord[] {
    const { start, flushed } = this.#partition(topic, partition);
    const first = Math.max(from, start);
    const found: LogRecord[] = [];
    if (first >= flushed) return found;
    const range = {
      start: this.#batchOf(topic, partition, first),
      end: [topic, partition, flushed] as BatchKey,
    };
    for (const { key, value } of this.#batches.getRange(range)) {
      const [time, records] = value;
      for (let i = Math.max(0, first - key[2]); i < records.length; i++) {
        if (found.length >= max) return found;
        const [recordKey, header, payload] = records[i] as StoredBatch[1][number];
        found.push({ offset: key[2] + i, time, key: recordKey, header, value: payload });
      }
    }
    return found;
  }

  /** The key of the append that holds a record. */
  #batchOf(topic: Topic, partition: number, offset: number): BatchKey {
    const range = { start: [topic, partition, offset], end: [topic, partition, -1] };
    for (const key of this.#batches.getKeys({ ...range, reverse: true, limit: 1 } as never))
      return key;
    return [topic, partition, offset];
  }

  read(
    topic: Topic,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    return readLocal(this, topic, partition, from, to);
  }

  async follow(
    topic: Topic,
    partition: number,
    from: number,
    take: (records: readonly LogRecord[]) => void,
  ): Promise<() => Promise<void>> {
    const stop = followLocal(this, topic, partition, from, take);
    this.#closing.push(stop);
    return stop;
  }

  async subscribe(topic: Topic, group: string, events: SubscriptionEvents): Promise<Subscription> {
    const subscription = new LocalSubscription(this, topic, group, events);
    this.#closing.push(() => subscription.close());
    return subscription;
  }

  async bounds(topic: Topic, partition: number): Promise<Bounds> {
    const { start, flushed } = this.#partition(topic, partition);
    return { start, end: flushed };
  }

  async ends(topic: Topic): Promise<readonly number[]> {
    const count = topic === "registry" ? 1 : this.partitions;
    return Array.from(
      { length: count },
      (_, partition) => this.#partition(topic, partition).flushed,
    );
  }

  /** Whole appends go; the log begins at `before` all the same. */
  async truncate(topic: Topic, partition: number, before: number): Promise<void> {
    const log = this.#partition(topic, partition);
    const start = Math.min(Math.max(before, log.start), log.flushed);
    if (start === log.start) return;
    const last = this.#batchOf(topic, partition, start);
    const range = { start: [topic, partition, -1] as BatchKey, end: last };
    await this.#environment.root.transaction(() => {
      for (const key of this.#batches.getKeys(range)) void this.#batches.remove(key);
      void this.#meta.put(["start", topic, partition], start);
    });
    await this.#environment.root.flushed;
    log.start = start;
  }

  /** The last ten thousand are kept: there is no broker that would. */
  async publish(record: PublishedRecord): Promise<void> {
    const published = this.#environment.root.openDB<PublishedRecord & { at: number }, number>({
      name: "published",
    });
    if (this.#published === 0) {
      for (const key of published.getKeys({ reverse: true, limit: 1 })) this.#published = key;
    }
    this.#published += 1;
    const kept = this.#published;
    await published.put(kept, { ...record, at: this.#clock.wallMs() });
    void published.remove(kept - PUBLISHED_KEPT_MAX);
    await this.#environment.root.flushed;
  }

  watch(call: (topic: Topic, partition: number) => void): () => void {
    this.#watchers.add(call);
    return () => this.#watchers.delete(call);
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  async saveBookmark(
    group: string,
    partition: number,
    offset: number,
    note: string,
  ): Promise<void> {
    await this.#meta.put(["bookmark", group, partition], { offset, note });
  }

  async bookmarked(
    _topic: Topic,
    group: string,
    partition: number,
  ): Promise<{ offset: number; note: string } | undefined> {
    return this.#meta.get(["bookmark", group, partition]) as
      | { offset: number; note: string }
      | undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
  }
}

function bytes(value: Buffer | string | null): Buffer | null {
  return typeof value === "string" ? Buffer.from(value) : value;
}

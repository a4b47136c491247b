import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import { HEADER } from "../../contract/header.ts";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogRecord, Subscription, SubscriptionEvents } from "../../ports/event-log.ts";
import { outOfRange } from "../local/read.ts";
import { Arrivals } from "./arrivals.ts";
import type { LineWatcher } from "./connect.ts";
import type { Leaders } from "./leaders.ts";
import { leave } from "./sockets.ts";
import { stickyAssigner } from "./sticky-assigner.ts";

/**
 * Membership in a consumer group, as kafkajs does it, with what it does not do.
 *
 * Owns the offsets at which each partition goes on. Invariants:
 *   G1 a batch is handed over only from the offset expected next: kafkajs goes back to committed
 *      offsets at every rejoin, and after an offset out of range it jumps to the end in silence;
 *   G2 nothing of a partition is fetched before `seek`, nor while it is paused;
 *   G3 a rebalance that gives a partition back is not told, and changes nothing;
 *   G4 offsets are committed as bookmarks only, and never read by kafkajs to go on from.
 */
export interface KafkaSubscriptionOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly leaders: Leaders;
  readonly clock: Clock;
  readonly lines: Set<LineWatcher>;
  /** With the installation's prefix. */
  readonly topic: string;
  readonly groupId: string;
  readonly partitions: number;
  /** How long a broker may hold an empty fetch; a paused reader sleeps that long, too. */
  readonly maxWaitMs: number;
  /** Bytes of one partition that one fetch brings at most. */
  readonly fetchBytesMax: number;
  readonly events: SubscriptionEvents;
}

const HEARTBEAT_MS = 200;
const SESSION_MS = 6_000;
const CONFIRM_MS_MAX = 10_000;
const RESTART_MS = 1_000;

export class KafkaSubscription implements Subscription {
  readonly #options: KafkaSubscriptionOptions;
  readonly #held = new Set<number>();
  /** Offset expected next; absent before the first `seek`. */
  readonly #next = new Map<number, number>();
  readonly #paused = new Set<number>();
  readonly #arrivals: Arrivals;
  readonly #confirming = new Set<(partitionsNow: ReadonlySet<number>) => void>();
  readonly #watchLines: LineWatcher;
  #consumer: Consumer;
  #heartbeats = 0;
  #closed = false;

  private constructor(options: KafkaSubscriptionOptions) {
    this.#options = options;
    this.#arrivals = new Arrivals(options.topic, options.leaders, options.clock);
    this.#watchLines = (message, facts) => this.#heard(message, facts);
    options.lines.add(this.#watchLines);
    this.#consumer = this.#create();
  }

  static async open(options: KafkaSubscriptionOptions): Promise<KafkaSubscription> {
    const subscription = new KafkaSubscription(options);
    await subscription.#run();
    return subscription;
  }

  #create(): Consumer {
    const { kafka, groupId, maxWaitMs, fetchBytesMax } = this.#options;
    return kafka.consumer({
      groupId,
      partitionAssigners: [stickyAssigner(() => [...this.#held])],
      heartbeatInterval: HEARTBEAT_MS,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: 2 * SESSION_MS,
      maxWaitTimeInMs: maxWaitMs,
      maxBytesPerPartition: fetchBytesMax,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, retries: 20, maxRetryTime: 2_000 },
    });
  }

  async #run(): Promise<void> {
    const consumer = this.#consumer;
    const { topic, partitions } = this.#options;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      this.#joined(payload.memberAssignment[topic] ?? []),
    );
    consumer.on(consumer.events.HEARTBEAT, () => this.#heartbeat());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart && !this.#closed) void this.#restart(payload.error);
    });
    this.#arrivals.listen(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: false });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: async (payload) => this.#take(payload),
    });
  }

  /** kafkajs gave up on an error that it holds to be final; the group does not have to agree. */
  async #restart(error: Error): Promise<void> {
    this.#options.events.failed(error);
    while (!this.#closed) {
      await new Promise<void>((resolve) => this.#options.clock.after(RESTART_MS, resolve));
      if (this.#closed) return;
      this.#consumer = this.#create();
      try {
        return await this.#run();
      } catch (again) {
        this.#options.events.failed(again);
      }
    }
  }

  // ---- who holds what

  #joined(assigned: readonly number[]): void {
    const { topic, events } = this.#options;
    const now = new Set(assigned);
    const lost = [...this.#held].filter((partition) => !now.has(partition));
    const won = assigned.filter((partition) => !this.#held.has(partition));
    for (const partition of lost) {
      this.#held.delete(partition);
      this.#next.delete(partition);
      this.#paused.delete(partition);
    }
    for (const partition of won) this.#held.add(partition);
    this.#arrivals.reset();
    // The new generation would go on from committed offsets: put everything where it was (G1, G2).
    const still = [...now].filter(
      (partition) => !this.#next.has(partition) || this.#paused.has(partition),
    );
    this.#consumer.pause([{ topic, partitions: still }]);
    for (const [partition, offset] of this.#next) this.#seekTo(partition, offset);
    if (lost.length > 0) events.revoked(lost);
    if (won.length > 0) events.assigned(won);
    for (const settle of [...this.#confirming]) settle(now);
  }

  #heartbeat(): void {
    this.#heartbeats += 1;
    for (const settle of [...this.#confirming]) settle(this.#held);
  }

  /**
   * Waits for a second heartbeat: the first one that is answered may have been under way before. A
   * rejoin settles it at once.
   */
  confirm(partition: number): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    const from = this.#heartbeats;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(CONFIRM_MS_MAX, () => {
        this.#confirming.delete(settle);
        reject(this.#silent());
      });
      const settle = (now: ReadonlySet<number>): void => {
        if (now === this.#held && this.#heartbeats < from + 2 && !this.#closed) return;
        this.#confirming.delete(settle);
        cancel();
        resolve(!this.#closed && now.has(partition));
      };
      this.#confirming.add(settle);
    });
  }

  #silent(): OperationalError<"LOG-001"> {
    const { groupId } = this.#options;
    return new OperationalError(
      "LOG-001",
      { what: `group ${groupId}`, cause: "no heartbeat was answered" },
      `group ${groupId} does not answer`,
    );
  }

  // ---- records

  #take({ batch }: EachBatchPayload): void {
    const { partition } = batch;
    const expected = this.#next.get(partition);
    if (this.#closed || expected === undefined || !this.#held.has(partition)) return;
    const messages = batch.messages.filter(({ offset }) => Number(offset) >= expected);
    const [first] = messages;
    if (first === undefined) return;
    if (Number(first.offset) > expected) return void this.#jumped(partition, expected);
    const end = Number(batch.lastOffset()) + 1;
    this.#next.set(partition, end);
    this.#arrivals.arrived(partition, end < Number(batch.highWatermark));
    this.#options.events.records(partition, messages.map(toRecord));
  }

  /** kafkajs is elsewhere than we are: back to where we were, if the log still has it. */
  async #jumped(partition: number, expected: number): Promise<void> {
    const { topic, admin, events } = this.#options;
    try {
      const offsets = await admin.fetchTopicOffsets(topic);
      const start = Number(offsets.find((one) => one.partition === partition)?.low ?? 0);
      if (this.#next.get(partition) !== expected) return;
      if (expected >= start) return this.#seekTo(partition, expected);
      this.#next.delete(partition);
      this.#consumer.pause([{ topic, partitions: [partition] }]);
      events.failed(outOfRange(topic as never, partition, expected, start));
    } catch {
      this.#seekTo(partition, expected);
    }
  }

  /** An offset out of range is only logged by kafkajs, before it jumps. */
  #heard(message: string, facts: Readonly<Record<string, unknown>>): void {
    if (!message.startsWith("Offset out of range, resetting")) return;
    if (facts["topic"] !== this.#options.topic || facts["groupId"] !== this.#options.groupId)
      return;
    const partition = Number(facts["partition"]);
    const expected = this.#next.get(partition);
    this.#arrivals.forget(partition);
    if (expected !== undefined) void this.#jumped(partition, expected);
  }

  seek(partition: number, offset: number): void {
    if (!this.#held.has(partition)) return;
    const first = !this.#next.has(partition);
    this.#next.set(partition, offset);
    this.#arrivals.forget(partition);
    this.#seekTo(partition, offset);
    if (first && !this.#paused.has(partition)) this.#resumeNow(partition);
  }

  #seekTo(partition: number, offset: number): void {
    try {
      this.#consumer.seek({ topic: this.#options.topic, partition, offset: String(offset) });
    } catch {
      // The consumer is starting anew; it will be put right when it has joined.
    }
  }

  pause(partition: number): void {
    this.#paused.add(partition);
    this.#arrivals.forget(partition);
    this.#consumer.pause([{ topic: this.#options.topic, partitions: [partition] }]);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    if (this.#next.has(partition)) this.#resumeNow(partition);
  }

  #resumeNow(partition: number): void {
    this.#consumer.resume([{ topic: this.#options.topic, partitions: [partition] }]);
  }

  arrivedUntil(partition: number): number {
    if (!this.#next.has(partition) || this.#paused.has(partition)) return Number.NEGATIVE_INFINITY;
    return this.#arrivals.until(partition);
  }

  // ---- bookmarks

  async bookmark(partition: number, offset: number, note: string): Promise<void> {
    if (this.#closed || !this.#held.has(partition)) return;
    const { topic } = this.#options;
    await this.#consumer.commitOffsets([
      { topic, partition, offset: String(offset), metadata: note },
    ]);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.lines.delete(this.#watchLines);
    for (const settle of [...this.#confirming]) settle(new Set());
    await leave(this.#options.clock, this.#consumer).catch((error: unknown) => {
      this.#options.events.failed(new Error(`leaving the group: ${messageOf(error)}`));
    });
  }
}

function toRecord({ offset, timestamp, key, headers, value }: KafkaMessage): LogRecord {
  const header = headers?.[HEADER];
  return {
    offset: Number(offset),
    time: Number(timestamp),
    key: key === null ? null : String(key),
    header: header === undefined ? undefined : String(header),
    value,
  };
}

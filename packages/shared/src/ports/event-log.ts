import type { EpochMs } from "../contract/time.ts";

/** Our topics; adapters put the installation's prefix before them. */
export type Topic = "events" | "journal" | "registry";

/** A record to be written: key and header are text, the value is bytes as they came. */
export interface NewRecord {
  readonly key: string | null;
  readonly header: string;
  readonly value: Buffer | string | null;
}

/** A record as it stands in the log. */
export interface LogRecord {
  readonly offset: number;
  /** When the log took it. */
  readonly time: EpochMs;
  readonly key: string | null;
  /** Absent on records that others wrote. */
  readonly header: string | undefined;
  readonly value: Buffer | null;
}

/** What brokers take at the most; nobody may count on more. */
export const RECORD_BYTES_MAX = 4 * 1024 * 1024;

export interface Appended {
  /** Offset of the first record of the append; the others follow it without a gap. */
  readonly offset: number;
  readonly time: EpochMs;
}

/** A record for others, outside our topics: a CloudEvent in Kafka's binary binding. */
export interface PublishedRecord {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer | string;
}

/** What a subscriber is told. Calls return at once; a subscriber that is behind pauses. */
export interface SubscriptionEvents {
  /** These partitions are ours now; nothing arrives before `seek`. */
  assigned(partitions: readonly number[]): void;
  /** These are not ours any more. A rebalance that gives a partition back is not told at all. */
  revoked(partitions: readonly number[]): void;
  /** Records in order, without a gap, from the offset sought. */
  records(partition: number, records: readonly LogRecord[]): void;
  /** The subscription cannot go on by itself. */
  failed(error: unknown): void;
}

/** Membership in a group that shares the partitions of one topic. */
export interface Subscription {
  seek(partition: number, offset: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  /**
   * Until when all has arrived: every record that the log took before that time, on this process's
   * monotonic clock, was handed to `records`. -Infinity when it cannot tell.
   */
  arrivedUntil(partition: number): number;
  /** Asks the group anew. @returns whether it says, after this call, that the partition is ours */
  confirm(partition: number): Promise<boolean>;
  /** Notes how far a partition is done, with a word of our own, for whoever takes over. */
  bookmark(partition: number, offset: number, note: string): Promise<void>;
  close(): Promise<void>;
}

export interface Bounds {
  /** Offset of the oldest record kept. */
  readonly start: number;
  /** Offset of the next record. */
  readonly end: number;
}

/**
 * The logs of an installation: ordered, durable records in a fixed number of partitions.
 *
 * Promises, each with a test in test/conformance/event-log.suite.ts:
 * - `append` resolves when all in-sync replicas have the records, which stand together, in order;
 * - it rejects with LOG-003 when they are not and will not be in the log, with LOG-002 when it cannot
 *   tell: they may stand there now, later, or never;
 * - a caller has one append under way per partition of a topic (asserted);
 * - times of a partition do not fall while its leader's clock does not;
 * - what was acknowledged is read by every later `read` and by every subscriber.
 */
export interface EventLog {
  /** Made when the topics were made; another id means another log. */
  readonly id: string;
  /** Partitions of `events` and of `journal`; `registry` has one. */
  readonly partitions: number;
  append(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended>;
  /** Records from `from` up to but without `to`, in batches; `to` must not be beyond the end. */
  read(
    topic: Topic,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]>;
  /** Every record from `from` on, as they come. @returns what ends it */
  follow(
    topic: Topic,
    partition: number,
    from: number,
    take: (records: readonly LogRecord[]) => void,
  ): Promise<() => Promise<void>>;
  subscribe(topic: Topic, group: string, events: SubscriptionEvents): Promise<Subscription>;
  bounds(topic: Topic, partition: number): Promise<Bounds>;
  /** Where each partition of a topic ends, by its number. */
  ends(topic: Topic): Promise<readonly number[]>;
  /** The last bookmark of a group. */
  bookmarked(
    topic: Topic,
    group: string,
    partition: number,
  ): Promise<{ offset: number; note: string } | undefined>;
  /** Deletes what stands below `before`, if the log still keeps it. */
  truncate(topic: Topic, partition: number, before: number): Promise<void>;
  publish(record: PublishedRecord): Promise<void>;
  close(): Promise<void>;
}

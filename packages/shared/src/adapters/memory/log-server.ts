import type { Clock } from "../../ports/clock.ts";
import type {
  Appended,
  LogRecord,
  NewRecord,
  PublishedRecord,
  Topic,
} from "../../ports/event-log.ts";
import { Groups } from "../local/groups.ts";
import type { LocalLog } from "../local/subscription.ts";

/**
 * The log of the test world: what a cluster of brokers would be, in one process's memory. Processes
 * come and go as clients (`MemoryLog`); what they appended stays.
 */

/** What becomes of an append that the server is asked for. */
export type AppendFate =
  | "done"
  /** It takes effect, and the answer is lost. */
  | "unanswered"
  /** It does not take effect, and no answer says so. */
  | "lost"
  /** It takes effect twice. */
  | "doubled"
  /** The caller is told nothing; it takes effect after so long. */
  | { readonly lateMs: number };

export interface LogFaults {
  append(topic: Topic, partition: number, records: readonly NewRecord[]): AppendFate;
}

const noFaults: LogFaults = { append: () => "done" };

interface Partition {
  /** What was truncated, for those who check a run. */
  readonly gone: LogRecord[];
  readonly records: LogRecord[];
  start: number;
}

export class MemoryLogServer implements LocalLog {
  readonly id: string;
  readonly partitions: number;
  readonly clock: Clock;
  readonly groups: Groups;
  readonly published: PublishedRecord[] = [];
  faults: LogFaults = noFaults;
  /** By how many ms the clock of the broker that leads a partition is ahead of the others'. */
  aheadMs: (topic: Topic, partition: number) => number = () => 0;
  readonly #topics = new Map<Topic, Partition[]>();
  readonly #bookmarks = new Map<string, { offset: number; note: string }>();
  readonly #watchers = new Set<(topic: Topic, partition: number) => void>();

  constructor(options: { clock: Clock; partitions: number; id?: string }) {
    this.clock = options.clock;
    this.partitions = options.partitions;
    this.id = options.id ?? "memory";
    this.groups = new Groups((topic) => this.#count(topic));
  }

  #count(topic: Topic): number {
    return topic === "registry" ? 1 : this.partitions;
  }

  #partition(topic: Topic, partition: number): Partition {
    let all = this.#topics.get(topic);
    if (all === undefined) {
      all = Array.from({ length: this.#count(topic) }, () => ({
        gone: [],
        records: [],
        start: 0,
      }));
      this.#topics.set(topic, all);
    }
    const one = all[partition];
    if (one === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
    return one;
  }

  write(topic: Topic, partition: number, records: readonly NewRecord[]): Appended {
    const log = this.#partition(topic, partition);
    const offset = log.start + log.records.length;
    const time = this.clock.wallMs() + this.aheadMs(topic, partition);
    for (const [i, record] of records.entries()) {
      const value = typeof record.value === "string" ? Buffer.from(record.value) : record.value;
      log.records.push({ offset: offset + i, time, key: record.key, header: record.header, value });
    }
    for (const watcher of this.#watchers) watcher(topic, partition);
    return { offset, time };
  }

  slice(topic: Topic, partition: number, from: number, max: number): readonly LogRecord[] {
    const log = this.#partition(topic, partition);
    const at = Math.max(0, from - log.start);
    return log.records.slice(at, at + max);
  }

  /** Every record that was ever written, truncated ones included: for checks. */
  all(topic: Topic, partition: number): readonly LogRecord[] {
    const { gone, records } = this.#partition(topic, partition);
    return [...gone, ...records];
  }

  bounds(topic: Topic, partition: number): { start: number; end: number } {
    const { start, records } = this.#partition(topic, partition);
    return { start, end: start + records.length };
  }

  truncate(topic: Topic, partition: number, before: number): void {
    const log = this.#partition(topic, partition);
    const cut = Math.min(Math.max(0, before - log.start), log.records.length);
    log.gone.push(...log.records.splice(0, cut));
    log.start += cut;
  }

  watch(watcher: (topic: Topic, partition: number) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  async saveBookmark(
    group: string,
    partition: number,
    offset: number,
    note: string,
  ): Promise<void> {
    this.#bookmarks.set(`${group}/${partition}`, { offset, note });
  }

  /** As a coordinator does that forgets a group without members. */
  loseBookmarks(): void {
    this.#bookmarks.clear();
  }

  loadBookmark(group: string, partition: number): { offset: number; note: string } | undefined {
    return this.#bookmarks.get(`${group}/${partition}`);
  }
}

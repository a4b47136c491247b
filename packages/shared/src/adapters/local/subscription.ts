import type { LogRecord, Subscription, SubscriptionEvents, Topic } from "../../ports/event-log.ts";
import type { Group, Groups, Member } from "./groups.ts";

/** What a log that lives in one process gives its subscribers. */
export interface LocalLog {
  readonly groups: Groups;
  /** Records kept from `from` on, `max` of them at the most. */
  slice(topic: Topic, partition: number, from: number, max: number): readonly LogRecord[];
  /** Calls after each append that is acknowledged. @returns what ends it */
  watch(call: (topic: Topic, partition: number) => void): () => void;
  monotonicMs(): number;
  saveBookmark(group: string, partition: number, offset: number, note: string): Promise<void>;
}

const BATCH_RECORDS_MAX = 500;

/** A place in a group. What it is told comes a turn of the event loop later, as from a broker. */
export class LocalSubscription implements Subscription, Member {
  readonly #log: LocalLog;
  readonly #topic: Topic;
  readonly #groupName: string;
  readonly #group: Group;
  readonly #events: SubscriptionEvents;
  readonly #held = new Set<number>();
  readonly #positions = new Map<number, number>();
  readonly #paused = new Set<number>();
  readonly #scheduled = new Set<number>();
  readonly #unwatch: () => void;
  #closed = false;

  constructor(log: LocalLog, topic: Topic, group: string, events: SubscriptionEvents) {
    this.#log = log;
    this.#topic = topic;
    this.#groupName = group;
    this.#group = log.groups.group(group, topic);
    this.#events = events;
    this.#unwatch = log.watch((changed, partition) => {
      if (changed === topic) this.#schedule(partition);
    });
    log.groups.join(this.#group, this);
  }

  rebalanced(): void {
    queueMicrotask(() => this.#learn());
  }

  #learn(): void {
    if (this.#closed) return;
    const now = new Set<number>();
    for (const [partition, owner] of this.#group.owners.entries()) {
      if (owner === this) now.add(partition);
    }
    const lost = [...this.#held].filter((partition) => !now.has(partition));
    const won = [...now].filter((partition) => !this.#held.has(partition));
    for (const partition of lost) {
      this.#held.delete(partition);
      this.#positions.delete(partition);
      this.#paused.delete(partition);
    }
    for (const partition of won) this.#held.add(partition);
    if (lost.length > 0) this.#events.revoked(lost);
    if (won.length > 0) this.#events.assigned(won);
  }

  seek(partition: number, offset: number): void {
    if (!this.#held.has(partition)) return;
    this.#positions.set(partition, offset);
    this.#schedule(partition);
  }

  pause(partition: number): void {
    this.#paused.add(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#schedule(partition);
  }

  #schedule(partition: number): void {
    if (this.#scheduled.has(partition)) return;
    this.#scheduled.add(partition);
    queueMicrotask(() => {
      this.#scheduled.delete(partition);
      this.#deliver(partition);
    });
  }

  #deliver(partition: number): void {
    const at = this.#positions.get(partition);
    if (this.#closed || at === undefined || this.#paused.has(partition)) return;
    const records = this.#log.slice(this.#topic, partition, at, BATCH_RECORDS_MAX);
    const last = records.at(-1);
    if (last === undefined) return;
    this.#positions.set(partition, last.offset + 1);
    this.#events.records(partition, records);
    if (records.length === BATCH_RECORDS_MAX) this.#schedule(partition);
  }

  arrivedUntil(partition: number): number {
    const at = this.#positions.get(partition);
    if (at === undefined || this.#log.slice(this.#topic, partition, at, 1).length > 0) {
      return Number.NEGATIVE_INFINITY;
    }
    return this.#log.monotonicMs();
  }

  async confirm(partition: number): Promise<boolean> {
    await Promise.resolve();
    this.#learn();
    return !this.#closed && this.#group.owners[partition] === this;
  }

  async bookmark(partition: number, offset: number, note: string): Promise<void> {
    if (this.#closed || this.#group.owners[partition] !== this) return;
    await this.#log.saveBookmark(this.#groupName, partition, offset, note);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    this.#log.groups.leave(this.#group, this);
  }
}

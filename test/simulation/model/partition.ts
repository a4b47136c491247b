import type { Bookmark } from "@millrace/shared/contract/reader";
import { bookmarkAt, readerFrom } from "./fold.ts";
import { type EventRecord, type JournalRecord, Log } from "./records.ts";
import type { Random } from "./random.ts";
import type { Rules } from "./rules.ts";
import { type Commit, Store } from "./store.ts";
import { differenceOf, differenceOfPart, Truth } from "./truth.ts";

/** What all parts of one run share. */
export interface Shared {
  readonly rules: Rules;
  readonly random: Random;
  readonly partitions: readonly Partition[];
  /** Ids of the effects that were carried out. */
  readonly executed: Set<string>;
  /** Log time. */
  readonly time: () => number;
  /** Whether a fault may happen just now; none does while the run is drained. */
  readonly faulty: () => boolean;
  /** A rule of the protocol is broken: ends the run. */
  fail(what: string): void;
  note(line: () => string): void;
  partitionOf(key: string): Partition;
}

/** One partition of `events` and of `journal`, its store, and the bookmark of its dispatchers' group. */
export class Partition {
  readonly index: number;
  readonly events = new Log<EventRecord>();
  readonly journal = new Log<JournalRecord>();
  readonly truth: Truth;
  readonly store: Store;
  readonly group: { bookmark: Bookmark | undefined; member: unknown } = {
    bookmark: undefined,
    member: undefined,
  };
  /** Appends that the log has, but did not take yet. */
  lateAppends: (readonly JournalRecord[])[] = [];
  lateEvents: EventRecord[] = [];
  readonly #shared: Shared;

  constructor(index: number, shared: Shared) {
    this.index = index;
    this.#shared = shared;
    this.truth = new Truth(this.journal, shared.rules);
    this.store = new Store(shared.rules);
  }

  /** @returns the offset of the first */
  append(records: readonly JournalRecord[]): number {
    const base = this.journal.end;
    for (const record of records) {
      const { end } = this.journal;
      const before = this.truth.now.position.offset;
      this.journal.put([record]);
      const wrong = this.truth.land(end, record, this.#shared.time());
      if (wrong !== undefined) this.fail(wrong);
      this.#checkCopies(before, this.truth.now.position.offset);
    }
    return base;
  }

  publish(event: Omit<EventRecord, "time">): void {
    this.events.put([{ ...event, time: this.#shared.time() }]);
  }

  /**
   * A writer's append to `events`: it may be written twice, and a repeat may land late.
   *
   * @returns false when the writer dies before it is answered; then it may land, late, or never
   */
  write(event: Omit<EventRecord, "time">): boolean {
    const { random, time } = this.#shared;
    const fate = this.#shared.faulty() ? random.next() : 1;
    if (fate < 0.02) return false;
    if (fate < 0.14) this.lateEvents.push({ ...event, time: time() });
    if (fate < 0.04) return false;
    this.publish(event);
    if (fate > 0.14 && fate < 0.18) this.publish(event);
    return fate > 0.06;
  }

  isNewestClaim(offset: number): boolean {
    const { bookmark } = this.truth.now;
    return this.#shared.rules.epoch === "count of the store" || bookmark.epoch === offset;
  }

  commit(change: Commit): boolean {
    if (!this.store.commit(change)) return false;
    this.#checkStore();
    return true;
  }

  fail(what: string): void {
    this.#shared.fail(`partition ${this.index}: ${what}`);
  }

  note(line: () => string): void {
    this.#shared.note(() => `${this.index} ${line()}`);
  }

  // ---- truncation

  cutJournal(before: number): void {
    if (before <= this.journal.start) return;
    this.note(() => `the journal is cut at ${before}`);
    this.journal.start = before;
    this.checkDispatched(before);
    this.checkReadFromStart();
  }

  cutEvents(before: number): void {
    if (before <= this.events.start) return;
    this.note(() => `events are cut at ${before}`);
    this.events.start = before;
    const { offset } = this.truth.now.position;
    if (offset < before) this.fail(`events are cut at ${before}, the next to take is ${offset}`);
  }

  /** Below it, every effect of a step that counts is done, or its instance keeps it. */
  checkDispatched(before: number): void {
    for (const { effect, offset } of this.truth.effects.values()) {
      if (offset >= before || this.#shared.executed.has(effect.id)) continue;
      const owed = this.truth.now.instances.get(effect.of)?.owed ?? [];
      const isKept = owed.some((one) => one.parked && one.effect.id === effect.id);
      if (!isKept) this.fail(`${effect.id} at ${offset} is neither done nor kept below ${before}`);
    }
  }

  /** Whoever reads the log from its start has to find the same records to count. */
  checkReadFromStart(): void {
    const { journal, truth } = this;
    const { start } = journal;
    const isFloor = start > 0 && journal.at(start)?.kind === "checkpoint";
    const unknown = { offset: start, epoch: -1, n: 0 };
    const reader = readerFrom(isFloor ? bookmarkAt(journal, start) : unknown, this.#shared.rules);
    for (let at = start; at < journal.end; at++) {
      const counts = reader.read(at, journal.at(at) as JournalRecord) === "counts";
      if (counts === truth.counts.has(at)) continue;
      return this.fail(`from the log's start ${start}, ${at} ${counts ? "counts" : "is void"}`);
    }
  }

  // ---- checks of what others see

  #checkStore(): void {
    const { store, truth } = this;
    const whole = truth.below(store.now.bookmark.offset);
    const difference = store.isBeingRebuilt
      ? differenceOfPart(store.now, whole)
      : differenceOf(store.now, whole, this.#shared.time());
    if (difference === undefined) return;
    this.fail(`the store differs from the fold at ${store.now.bookmark.offset}: ${difference}`);
  }

  /** The position passes an event only when all partitions that listen have it. */
  #checkCopies(from: number, to: number): void {
    for (let offset = from; offset < to; offset++) {
      const event = this.events.at(offset);
      if (event === undefined || event.writer.startsWith("events/")) continue;
      for (const key of event.keys) {
        const target = this.#shared.partitionOf(key);
        if (target === this || target.events.all.some(({ id }) => id === event.id)) continue;
        this.fail(`the position passed ${offset} before its copy for ${key}`);
      }
    }
  }
}

import {
  DISPATCH_GROUP,
  readDispatchBookmark,
  writeDispatchNote,
} from "@millrace/shared/contract/dispatch-bookmark";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import {
  isOperational,
  messageOf,
  type OperationalError,
} from "@millrace/shared/errors/operational";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { Gateways } from "@millrace/shared/peer/gateways";
import { type Clock, sleep, within } from "@millrace/shared/ports/clock";
import type { EventLog, LogRecord, Subscription, Topic } from "@millrace/shared/ports/event-log";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { Observe } from "@millrace/shared/telemetry/observe";
import type { LogLine } from "../runtime/engine-host.ts";
import { startOfDispatch } from "../runtime/floor.ts";
import { type CallParts, Calls } from "./calls.ts";
import { Commands } from "./commands.ts";
import type { DispatchHost } from "./dispatch-host.ts";
import { observeCounters, observePending } from "./observed.ts";
import {
  type DispatchCounters,
  type DispatchOptions,
  defaultDispatchOptions,
  dispatchCounters,
  dispatchDurations,
} from "./options.ts";
import { PartitionDispatch } from "./partition-dispatch.ts";
import { Results } from "./results.ts";

export interface DispatcherParts {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly events: EventsWriter;
  readonly gateways: Gateways;
  readonly tracer?: Tracer | undefined;
  readonly calls: CallParts;
  readonly options?: Partial<DispatchOptions>;
  readonly onLine: LogLine;
}

/** Pause before a store that moved on while it was read is read again. */
const STORE_MOVED_MS = 10;
/** How long a group that cannot be reached is waited for at the end; whoever is next reads on from before. */
const LAST_BOOKMARK_MS_MAX = 1_500;

/** Executes effects: whatever stands in the journal and counts, at least once. */
export class Dispatcher {
  readonly counters = dispatchCounters();
  readonly durations = dispatchDurations();
  readonly #parts: DispatcherParts;
  readonly #options: DispatchOptions;
  readonly #host: DispatchHost;
  readonly #commands: Commands;
  readonly #calls: Calls;
  readonly #partitions = new Map<number, PartitionDispatch>();
  readonly #written = new Map<number, number>();
  /** Bookmarks on their way. */
  readonly #writing = new Map<number, Promise<void>>();
  /** What the group says is ours, whether it is open yet or not. */
  readonly #assigned = new Map<number, symbol>();
  /** Of these, the ones whose journal cannot be read on. */
  readonly #failed = new Set<number>();
  #subscription: Subscription | undefined;
  #cancelTick: (() => void) | undefined;
  #stopped = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#options = { ...defaultDispatchOptions, ...parts.options };
    const { log, clock, events, gateways, tracer, onLine } = parts;
    const { counters, durations } = this;
    const options = this.#options;
    const results = new Results(events, log.partitions);
    const underWay = { results, clock, tracer, options, counters, durations };
    this.#commands = new Commands({ ...underWay, gateways });
    this.#calls = new Calls({ ...underWay, ...parts.calls, onLine });
    this.#host = {
      log,
      events,
      commands: this.#commands,
      calls: this.#calls,
      results,
      clock,
      tracer,
      options,
      counters,
      onLine,
      subscription: () => {
        if (this.#subscription === undefined) throw new Error("the dispatcher is not started");
        return this.#subscription;
      },
    };
  }

  get underWay(): number {
    return this.#commands.underWay + this.#calls.underWay;
  }

  /** What it has done, and what it is doing; for health. */
  get facts(): DispatchCounters & {
    readonly callsUnderWay: number;
    readonly circuitsOpen: number;
  } {
    const { underWay: callsUnderWay, circuitsOpen } = this.#calls;
    return { ...this.counters, callsUnderWay, circuitsOpen };
  }

  /** What there is to know of its work now. @param ends where the journal ends, by partition */
  observe(observe: Observe, ends: ReadonlyMap<number, number>): void {
    observeCounters(observe, this.counters, this.durations);
    observePending(observe, this.#commands, this.#calls);
    observe("millrace.dispatcher.partitions", this.#partitions.size, { state: "running" });
    observe("millrace.dispatcher.partitions", this.taking, { state: "taking" });
    observe("millrace.dispatcher.partitions", this.#failed.size, { state: "failed" });
    for (const { partition, offset } of this.partitions()) {
      const end = ends.get(partition);
      if (end !== undefined)
        observe("millrace.dispatcher.lag", Math.max(0, end - offset), { partition });
    }
  }

  async start(): Promise<void> {
    const pending: (() => void)[] = [];
    const whenStarted = (call: () => void): void => {
      if (this.#subscription === undefined) pending.push(call);
      else call();
    };
    this.#subscription = await this.#parts.log.subscribe("journal", DISPATCH_GROUP, {
      assigned: (partitions) =>
        whenStarted(() => {
          for (const partition of partitions) {
            const assignment = Symbol("assignment");
            this.#assigned.set(partition, assignment);
            void this.#take(partition, assignment);
          }
        }),
      revoked: (partitions) =>
        whenStarted(() => {
          for (const partition of partitions) this.#giveUp(partition);
        }),
      records: (partition, records) => this.#arrived(partition, records),
      failed: (error) => {
        if (isOperational(error, "LOG-006")) return this.#beginAnew(error);
        this.#line("error", "subscription failed", error);
      },
    });
    for (const call of pending) call();
    this.#tick();
  }

  async #take(partition: number, assignment: symbol): Promise<void> {
    const { clock } = this.#parts;
    const dispatch = await this.#open(partition, assignment);
    if (dispatch === undefined) return;
    for (;;) {
      try {
        return await this.#resumeParked(partition, dispatch);
      } catch (error) {
        if (this.#partitions.get(partition) !== dispatch) return;
        this.#line("warn", "parked effects not yet taken over", error, { partition });
        await sleep(clock, this.#options.retryMs);
      }
    }
  }

  /**
   * What it reads next was cut. That was dispatched: the bookmark that it began at was an old one, or
   * the partition is another's by now.
   */
  #beginAnew(error: OperationalError<"LOG-006">): void {
    const { partition } = error.facts;
    const assignment = this.#assigned.get(partition);
    this.#line("warn", "what was to be dispatched next is cut", error, { partition });
    if (assignment === undefined) return;
    this.#forget(partition);
    void this.#take(partition, assignment);
  }

  async #open(partition: number, assignment: symbol): Promise<PartitionDispatch | undefined> {
    const subscription = this.#host.subscription();
    for (;;) {
      try {
        const from = await this.#startOf(partition);
        const reached = await this.#reached(partition);
        if (this.#stopped || this.#assigned.get(partition) !== assignment) return undefined;
        const dispatch = new PartitionDispatch(partition, from, reached, this.#host);
        this.#partitions.set(partition, dispatch);
        this.#commands.expectParked(partition);
        this.#written.set(partition, from.offset);
        subscription.resume(partition);
        subscription.seek(partition, from.offset);
        return dispatch;
      } catch (error) {
        if (this.#stopped || this.#assigned.get(partition) !== assignment) return undefined;
        this.#line("warn", "bookmark not read", error, { partition });
        await sleep(this.#parts.clock, this.#options.bookmarkMs);
      }
    }
  }

  /** Where a group without a bookmark begins is told by the floor: repeats since then, and loses nothing. */
  async #startOf(partition: number): Promise<Bookmark> {
    const { log } = this.#parts;
    const stored = await log.bookmarked("journal", DISPATCH_GROUP, partition);
    const bookmark = readDispatchBookmark(stored);
    const { start } = await log.bounds("journal", partition);
    // One that is below the log's start is from before a later one that was lost.
    if (bookmark !== undefined && bookmark.offset >= start) return bookmark;
    return await startOfDispatch(log, partition);
  }

  /** When the log took the latest of what there is of a partition. */
  async #reached(partition: number): Promise<EpochMs> {
    const { log } = this.#parts;
    const last = async (topic: Topic): Promise<EpochMs> => {
      const { start, end } = await log.bounds(topic, partition);
      if (start === end) return 0;
      for await (const batch of log.read(topic, partition, end - 1, end))
        return batch.at(-1)?.time ?? 0;
      return 0;
    };
    return Math.max(...(await Promise.all([last("events"), last("journal")])));
  }

  /** What an earlier dispatcher had put aside is in the store, once that has reached the bookmark. */
  async #resumeParked(partition: number, dispatch: PartitionDispatch): Promise<void> {
    const { store, clock } = this.#parts;
    const from = dispatch.bookmark.offset;
    for (;;) {
      const before = await this.#wholeUpTo(partition);
      const instances = await store.parked(partition);
      const after = await this.#wholeUpTo(partition);
      if (this.#partitions.get(partition) !== dispatch) return;
      if (before >= from && before === after) {
        for (const instance of instances) dispatch.resume(instance, after - 1);
        return this.#commands.parkedResumed(partition);
      }
      await sleep(clock, before >= from ? STORE_MOVED_MS : this.#options.bookmarkMs);
    }
  }

  /** Up to where the store holds all that is put aside: while it is being rebuilt, it holds a part. */
  async #wholeUpTo(partition: number): Promise<number> {
    const held = await this.#parts.store.position(partition);
    return held?.until !== undefined ? -1 : (held?.journal.offset ?? 0);
  }

  #arrived(partition: number, records: readonly LogRecord[]): void {
    const dispatch = this.#partitions.get(partition);
    if (dispatch === undefined) return;
    try {
      dispatch.take(records);
    } catch (error) {
      const facts = { partition, ...dispatch.inHand };
      this.#line("error", "partition is not dispatched any more", error, facts);
      this.#forget(partition);
      this.#failed.add(partition);
    }
  }

  #giveUp(partition: number): void {
    this.#assigned.delete(partition);
    this.#failed.delete(partition);
    const dispatch = this.#partitions.get(partition);
    if (dispatch !== undefined) void this.#writeBookmark(partition, dispatch);
    this.#forget(partition);
  }

  #forget(partition: number): void {
    this.#partitions.get(partition)?.end();
    this.#partitions.delete(partition);
    this.#commands.forget(partition);
    this.#calls.forget(partition);
  }

  // ---- bookmarks

  #tick(): void {
    this.#cancelTick = this.#parts.clock.after(this.#options.bookmarkMs, () => {
      for (const [partition, dispatch] of this.#partitions) {
        dispatch.relieve();
        if (!this.#writing.has(partition)) void this.#writeBookmark(partition, dispatch);
      }
      if (!this.#stopped) this.#tick();
    });
  }

  /** One after the other: one that is late would take the next one back. */
  async #writeBookmark(partition: number, dispatch: PartitionDispatch): Promise<void> {
    const before = this.#writing.get(partition) ?? Promise.resolve();
    const writing = before.then(() => this.#writeNow(partition, dispatch));
    this.#writing.set(partition, writing);
    await writing;
    if (this.#writing.get(partition) === writing) this.#writing.delete(partition);
  }

  async #writeNow(partition: number, dispatch: PartitionDispatch): Promise<void> {
    const { bookmark } = dispatch;
    const { offset } = bookmark;
    if (this.#written.get(partition) === offset) return;
    this.#written.set(partition, offset);
    try {
      const note = writeDispatchNote(bookmark);
      await this.#host.subscription().bookmark(partition, offset, note);
    } catch (error) {
      this.#written.delete(partition); // the next tick tries again
      this.#line("debug", "bookmark not written", error, { partition });
    }
  }

  /** Partitions held, each with how far it is done; for health and look-ups. */
  partitions(): readonly { partition: number; offset: number }[] {
    return Array.from(this.#partitions, ([partition, dispatch]) => ({
      partition,
      offset: dispatch.bookmark.offset,
    })).sort((a, b) => a.partition - b.partition);
  }

  /** How many partitions are not dispatched any more. */
  get failed(): number {
    return this.#failed.size;
  }

  /** How many partitions the group has given to this process that it cannot read yet. */
  get taking(): number {
    if (this.#stopped) return 0;
    const isTaken = (partition: number): boolean =>
      this.#partitions.has(partition) || this.#failed.has(partition);
    return [...this.#assigned.keys()].filter((partition) => !isTaken(partition)).length;
  }

  /** How many partitions have not been read on for longer than `lagMsMax`, for too much is under way. */
  get behind(): number {
    const { lagMsMax } = this.#options;
    if (lagMsMax === 0) return 0;
    return [...this.#partitions.values()].filter(({ pausedMs }) => pausedMs > lagMsMax).length;
  }

  /** Ends at once, as a process that is killed does. */
  kill(): void {
    this.#stopped = true;
    this.#cancelTick?.();
    this.#commands.stop();
    this.#calls.stop();
    for (const partition of this.#partitions.keys()) this.#forget(partition);
  }

  /** Writes the bookmarks down and leaves the group. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTick?.();
    const writing = Array.from(this.#partitions, ([partition, dispatch]) =>
      this.#writeBookmark(partition, dispatch),
    );
    const { clock } = this.#parts;
    await within(clock, LAST_BOOKMARK_MS_MAX, Promise.all(writing));
    this.#commands.stop();
    this.#calls.stop();
    for (const partition of this.#partitions.keys()) this.#forget(partition);
    await this.#subscription?.close();
  }

  #line(level: "debug" | "warn" | "error", message: string, error: unknown, facts = {}): void {
    this.#parts.onLine(level, message, { ...facts, why: messageOf(error) });
  }
}

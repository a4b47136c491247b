import { instanceId } from "@millrace/shared/contract/names";
import type { Position, PositionChange } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type { DuePage, DueRange } from "@millrace/shared/ports/state-store";
import { Batch, type BatchedInstance } from "./batch.ts";
import { Committer } from "./committer.ts";
import { copyOf } from "./copy.ts";
import { type Deliveries, Reader } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";
import { InputPosition } from "./input-position.ts";
import { InstanceCache } from "./instance-cache.ts";
import { Intake } from "./intake.ts";
import { JournalWriter } from "./journal-writer.ts";
import { LogClock } from "./log-clock.ts";
import { storedRejection } from "./stored.ts";
import { TimerWindow } from "./timer-window.ts";
import { TurnDecider } from "./turn-decider.ts";

/**
 * One ownership of one partition, from its claim until it is lost or given up: take what has arrived,
 * load, decide in order, append, and let the store catch up.
 *
 * Owns the partition's memory, which dies with it. Invariants:
 *   T1 memory may run ahead of the journal, the store and the outside world never;
 *   T2 inputs are decided in the order of the log, timers among them by the time they are due;
 *   T3 all records of one input go into one append, so that an input is taken whole or not at all; what
 *      is too much for one goes in parts, alone, and who had it already ignores it when it is taken anew;
 *   T4 the position in the journal passes an input only together with what came of it, and after its
 *      copies for other partitions are acknowledged;
 *   T5 no timer fires before all input that the log took up to its time has been read.
 */
export interface TenureStart {
  readonly epoch: number;
  /** Log time of the claim. */
  readonly time: EpochMs;
  /** The end of the journal: the claim is its last record. */
  readonly bookmark: Bookmark;
  readonly position: Position;
  /** What the store holds: all changes up to the claim, but perhaps not the claim itself. */
  readonly held: Bookmark;
}

/** What one turn of a partition has to do. */
interface Work {
  readonly records: readonly LogRecord[];
  /** Up to when timers may fire in it. */
  readonly timersBy: EpochMs;
}

/** How soon to look again for input that a due timer waits for. */
const TIMER_POLL_MS = 5;

export class Tenure {
  readonly #partition: number;
  readonly #host: EngineHost;
  readonly #writer: JournalWriter;
  readonly #logClock: LogClock;
  readonly #cache: InstanceCache;
  readonly #timers: TimerWindow;
  readonly #committer: Committer;
  readonly #reader: Reader;
  readonly #intake: Intake;
  readonly #position: InputPosition;
  readonly #decider: TurnDecider;
  #appending: Promise<void> = Promise.resolve();
  #cancelAlarm: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #lastStoreWord: number;
  #ended = false;
  #failure: unknown;

  constructor(partition: number, start: TenureStart, host: EngineHost) {
    const { log, clock, options, catalogue, world } = host;
    const { time, epoch, position } = start;
    this.#partition = partition;
    this.#host = host;
    this.#writer = new JournalWriter(log, partition, epoch);
    this.#logClock = new LogClock(clock, time);
    this.#cache = new InstanceCache(host.cachedInstancesMax());
    this.#timers = new TimerWindow(options.timerWindowMs);
    this.#reader = new Reader(partition, log.partitions, catalogue, world);
    this.#position = new InputPosition(position);
    const memory = { cache: this.#cache, timers: this.#timers, position: this.#position };
    this.#decider = new TurnDecider(host, memory);
    const { arrivedRecordsMax } = options;
    this.#intake = new Intake(partition, position.offset, arrivedRecordsMax, () =>
      host.subscription(),
    );
    this.#lastStoreWord = clock.monotonicMs();
    this.#committer = this.#makeCommitter(start);
  }

  #makeCommitter({ epoch, held, bookmark, position }: TenureStart): Committer {
    const { store, clock, options, counters } = this.#host;
    const host = {
      partition: this.#partition,
      epoch,
      store,
      clock,
      options,
      counters,
      moveWindow: () => this.#moveWindow(),
      took: (page: DuePage, asked: DueRange) => this.#took(page, asked),
      failed: (error: unknown) => this.end(error),
    };
    return new Committer(host, held, bookmark, position);
  }

  /** Offset of the next input to decide. */
  get inputOffset(): number {
    return this.#position.offset;
  }

  arrive(records: readonly LogRecord[]): void {
    if (this.#ended) return;
    try {
      this.#intake.add(records);
    } catch (error) {
      return this.end(error);
    }
    this.#signal();
  }

  /** Ends the ownership. @param failure why, when it is not given up of our own will */
  end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#signal();
  }

  /** Works until the ownership ends. @throws what ended it, if anything did */
  async run(): Promise<void> {
    try {
      await this.#askStore();
      this.#committer.start();
      while (!this.#ended) await this.#turn();
      // Given up of our own will: what is under way is finished, and the store left at the journal's end.
      await this.#appending;
      if (this.#failure === undefined) await this.#committer.flush();
    } catch (error) {
      this.end(error);
      this.#failure ??= error;
    } finally {
      this.#cancelAlarm?.();
      this.#committer.stop();
      // Whoever claims next appends, too: one append at a time is under way, answered or given up.
      await this.#appending.catch(() => {});
    }
    if (this.#failure !== undefined) throw asError(this.#failure);
  }

  async #turn(): Promise<void> {
    const beyond = this.#beyondWindow();
    if (beyond !== undefined) return await this.#askStore(beyond);
    const work = this.#next();
    if (work === undefined) return await this.#idle();
    const { catalogue } = this.#host;
    let deliveries: Deliveries[];
    let known: number;
    do {
      // Flows that are learnt while instances are loaded may read the same records otherwise.
      known = catalogue.offset;
      deliveries = this.#read(work.records);
      await this.#load(deliveries, work.timersBy);
      if (this.#ended) return;
    } while (catalogue.offset !== known);
    const { batch, taken, toCopy } = this.#decider.decide(deliveries, work.timersBy);
    this.#intake.take(taken);
    await this.#copy(toCopy);
    if (batch.entries.length > 0) await this.#append(batch);
    this.#cache.evict();
  }

  // ---- what there is to do

  #next(): Work | undefined {
    const { turnRecordsMax, uncommittedMax } = this.#host.options;
    if (this.#committer.uncommitted > uncommittedMax) return undefined; // the store is behind
    const records = this.#withinWindow(this.#intake.peek(turnRecordsMax));
    const timersBy = Math.min(this.#timersBy(records), this.#timers.complete);
    const due = this.#timers.next();
    if (records.length === 0 && (due === undefined || due > timersBy)) return undefined;
    return { records, timersBy };
  }

  /**
   * The time of a record that is at hand, and before which timers may be due that nobody has asked the
   * store for: its turn comes after theirs. So it is after a pause, or while the store is away.
   */
  #beyondWindow(): EpochMs | undefined {
    const [first] = this.#intake.peek(1);
    const { complete } = this.#timers;
    const due = this.#timers.next();
    if (first === undefined || first.time <= complete) return undefined;
    return due !== undefined && due <= complete ? undefined : first.time;
  }

  #withinWindow(records: readonly LogRecord[]): readonly LogRecord[] {
    const { complete } = this.#timers;
    const beyond = records.findIndex(({ time }) => time > complete);
    return beyond < 0 ? records : records.slice(0, beyond);
  }

  /** Up to when timers may fire: the records at hand, or, at the end of the log, all that has arrived. */
  #timersBy(records: readonly LogRecord[]): EpochMs {
    const last = records.at(-1);
    if (last !== undefined) return Math.max(last.time, this.#position.time);
    if (this.#intake.peek(1).length > 0) return this.#timers.complete; // what is at hand came after it
    const arrived = this.#host.subscription().arrivedUntil(this.#partition);
    if (arrived === Number.NEGATIVE_INFINITY) return 0;
    return Math.min(this.#logClock.now(), this.#logClock.at(arrived));
  }

  /** Writes a mark, asks the store, or waits for the next thing to do. */
  async #idle(): Promise<void> {
    const { clock, options, counters } = this.#host;
    const now = clock.monotonicMs();
    const markAt = this.#position.markDueAt(options.markMs);
    if (markAt !== undefined && markAt <= now) {
      const batch = new Batch();
      batch.addMark();
      counters.marks += 1;
      return await this.#append(batch);
    }
    const askAt = this.#lastStoreWord + options.storeCheckMs;
    if (askAt <= now) return await this.#askStore();
    await this.#rest(Math.min(askAt, markAt ?? askAt) - now);
  }

  #rest(ms: number): Promise<void> {
    const due = this.#timers.next();
    const dueInMs = due === undefined ? ms : due - this.#logClock.now();
    // Due already, but perhaps not all input of that time has arrived: look again soon.
    const waitMs = Math.min(ms, dueInMs > 0 ? dueInMs : TIMER_POLL_MS);
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#cancelAlarm = this.#host.clock.after(waitMs, () => this.#signal());
    });
  }

  #signal(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    this.#wake?.();
    this.#wake = undefined;
  }

  /**
   * Asks for due timers where no commit does; a store that was wiped or set back is noticed by it.
   *
   * @param until a time that the window is to reach at least
   */
  async #askStore(until = 0): Promise<void> {
    const range = this.#moveWindow(until);
    this.#took(await this.#host.store.due(this.#partition, range, this.#committer.sent), range);
  }

  /** What was decided before the window moves, and is not in the store yet, nobody else knows of. */
  #moveWindow(until = 0): DueRange {
    const range = this.#timers.move(Math.max(this.#logClock.now(), until));
    for (const { id, due } of this.#cache.uncommitted) this.#timers.remind(id, due);
    return range;
  }

  #took(page: DuePage, asked: DueRange): void {
    this.#lastStoreWord = this.#host.clock.monotonicMs();
    this.#timers.took(page, asked, (id) => this.#cache.get(id));
    this.#signal();
  }

  // ---- read and load

  #read(records: readonly LogRecord[]): Deliveries[] {
    let at = this.#position.time;
    return records.map((record) => {
      at = Math.max(at, record.time);
      return this.#reader.read(record, at);
    });
  }

  async #load(deliveries: readonly Deliveries[], timersBy: EpochMs): Promise<void> {
    const { store, counters, options, catalogue } = this.#host;
    const wanted = [
      ...deliveries.flatMap((one) => one.deliveries.map(({ id }) => id)),
      ...this.#timers.due(timersBy, options.turnRecordsMax),
    ];
    const missing = [...new Set(wanted.filter((id) => !this.#cache.has(id)))];
    if (missing.length === 0) return;
    const found = await store.load(this.#partition, missing, this.#committer.sent);
    counters.loads += 1;
    counters.loadedInstances += found.size;
    for (const id of missing) {
      const { instance } = this.#cache.put(id, found.get(id));
      // Its version was published before it began: this process has not read so far yet.
      if (instance === undefined || catalogue.version(instance.version) !== undefined) continue;
      await this.#host.registryRead();
      this.#host.checkVersion(instance);
    }
  }

  // ---- append

  /** Copies go out, and are acknowledged, before the journal says that their record is done (T4). */
  async #copy(toCopy: readonly Deliveries[]): Promise<void> {
    const writes: Promise<unknown>[] = [];
    for (const { record, header, copyTo } of toCopy) {
      if (header === undefined) continue;
      for (const target of copyTo) {
        writes.push(this.#host.events.write(target, copyOf(record, header, this.#partition)));
        this.#host.counters.copies += 1;
      }
    }
    if (writes.length > 0) await Promise.all(writes);
  }

  /** Sends a batch once the one before it is acknowledged, and does not wait for its own answer. */
  async #append(batch: Batch): Promise<void> {
    const { change, position } = this.#position.journal();
    const instances = batch.takeInstances();
    await this.#appending;
    if (this.#ended) return;
    this.#appending = this.#appendNow(batch, instances, change, position);
    this.#appending.catch((error: unknown) => this.end(error));
  }

  async #appendNow(
    batch: Batch,
    instances: readonly BatchedInstance[],
    change: PositionChange,
    position: Position,
  ): Promise<void> {
    const appended = await this.#writer.append(batch.entries, change, batch.big);
    const { counters, onLog } = this.#host;
    counters.appends += 1;
    this.#logClock.learn(appended.time);
    const changes = instances.map(({ cached, records, steps: places, ...one }) => {
      const steps = places.map((place) => appended.offset + place);
      return { stored: { ...one, steps }, cached, records };
    });
    const rejections = batch.rejections.map(({ at, rejected, json }) =>
      storedRejection(appended.offset + at, rejected, json),
    );
    this.#committer.add(changes, rejections, this.#writer.bookmark, position);
    for (const { instance, level, message } of batch.logs) {
      onLog(level, message, { instance: instanceId(instance), seq: instance.seq });
    }
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

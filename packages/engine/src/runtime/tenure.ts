import { type InstanceId, instanceId } from "@millrace/shared/contract/names";
import type { Position, PositionChange } from "@millrace/shared/contract/position";
import { traceFacts } from "@millrace/shared/contract/trace";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type { DuePage, DueRange } from "@millrace/shared/ports/state-store";
import { Agenda, type Work } from "./agenda.ts";
import { Batch, type BatchedInstance } from "./batch.ts";
import { CarefulTurns } from "./careful-turns.ts";
import { Caution } from "./caution.ts";
import { Committer } from "./committer.ts";
import { writeCopies } from "./copy.ts";
import { type Deliveries, Reader } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";
import { InputPosition } from "./input-position.ts";
import { InstanceCache } from "./instance-cache.ts";
import { Intake } from "./intake.ts";
import { JournalWriter } from "./journal-writer.ts";
import { learnVersions } from "./learn-versions.ts";
import { loadInstances } from "./load-instances.ts";
import { LogClock } from "./log-clock.ts";
import { Retention } from "./retention.ts";
import { StepSpans } from "./step-spans.ts";
import { storedRejection } from "./stored.ts";
import type { TenureStart } from "./takeover.ts";
import { factsOf, type TenureFacts } from "./tenure-facts.ts";
import { TimerWindow } from "./timer-window.ts";
import { type Decided, TurnDecider } from "./turn-decider.ts";

const nobody: ReadonlySet<InstanceId> = new Set();

/** How soon to look again for input that a due timer waits for. */
const TIMER_POLL_MS = 5;

/**
 * One ownership of one partition, from its claim until it is lost or given up: take what has arrived,
 * load, decide in order, append, and let the store catch up.
 *
 * Owns the partition's memory, which dies with it. Invariants:
 *   T1 memory may run ahead of the journal, the store and the outside world never;
 *   T2 each instance is told its inputs in the order of the log, its timers among them by the time they
 *      are due; timers of others may wait, so that many of them do not hold back events;
 *   T3 all records of one input go into one append, so that an input is taken whole or not at all; what
 *      is too much for one goes in parts, alone, and what is for more instances than a turn takes, in
 *      several turns; who had it already ignores it when it is taken anew;
 *   T4 the position in the journal passes an input only together with what came of it, and after its
 *      copies for other partitions are acknowledged;
 *   T5 no timer fires before all input that the log took up to its time has been read.
 */
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
  readonly #spans: StepSpans;
  readonly #decider: TurnDecider;
  readonly #agenda: Agenda;
  readonly #retention: Retention;
  readonly #caution: Caution;
  readonly #careful: CarefulTurns;
  /** Instances that have had the next record, where it is for more than one turn takes it to. */
  readonly #heard = new Set<InstanceId>();
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
    const { partitions } = log;
    const deliveriesMax = options.turnDeliveriesMax;
    this.#reader = new Reader({ partition, partitions, catalogue, world, deliveriesMax });
    this.#position = new InputPosition(position);
    this.#spans = new StepSpans({ tracer: host.tracer, log: log.id, partition, epoch });
    this.#decider = new TurnDecider(host, {
      partition,
      cache: this.#cache,
      timers: this.#timers,
      position: this.#position,
      logClock: this.#logClock,
      spans: this.#spans,
    });
    const bounds = { recordsMax: options.arrivedRecordsMax, bytesMax: host.arrivedBytesMax };
    this.#intake = new Intake(partition, position.offset, bounds, () => host.subscription());
    this.#agenda = new Agenda({
      partition,
      host,
      intake: this.#intake,
      timers: this.#timers,
      position: this.#position,
      logClock: this.#logClock,
    });
    this.#lastStoreWord = clock.monotonicMs();
    this.#committer = this.#makeCommitter(start);
    this.#retention = new Retention({
      partition,
      start: start.start,
      host,
      writer: this.#writer,
      committer: this.#committer,
      position: this.#position,
      logClock: this.#logClock,
      takenUntil: () => this.#agenda.takenUntil(),
      settled: () => this.#appending,
    });
    this.#caution = new Caution(start.evidence, host.worker);
    this.#careful = new CarefulTurns({
      partition,
      host,
      caution: this.#caution,
      timers: this.#timers,
      position: this.#position,
      note: (decided) => this.#note(decided),
      decider: this.#decider,
      prepare: (records, more) => this.#prepare(records, more),
      copy: (toCopy) => writeCopies(toCopy, partition, host),
      append: async (batch) => {
        await this.#append(batch);
        await this.#appending;
      },
    });
  }

  #makeCommitter({ epoch, held, bookmark, position }: TenureStart): Committer {
    const host = {
      ...this.#host,
      partition: this.#partition,
      epoch,
      moveWindow: () => this.#moveWindow(),
      took: (page: DuePage) => this.#took(page),
      dropped: (id: InstanceId) => this.#cache.forgetIndex(id),
      failed: (error: unknown) => this.end(error),
    };
    return new Committer(host, held, bookmark, position);
  }

  /** Offset of the next input to decide. */
  get inputOffset(): number {
    return this.#position.offset;
  }

  /** How it stands now; for metrics. */
  get facts(): TenureFacts {
    const now = this.#logClock.at(this.#host.clock.monotonicMs());
    return factsOf(now, this.#cache, this.#committer, this.#timers, this.#retention);
  }

  readonly waitingMs = (): number => this.#agenda.waitingMs();

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
      while (!this.#ended) {
        await this.#turn();
        if (this.#retention.isDue && !this.#ended) await this.#keepShort();
      }
      // Given up of our own will: what is under way is finished, and the store left at the journal's end.
      await this.#appending;
      if (this.#failure === undefined) await this.#committer.flush();
    } catch (error) {
      this.end(error);
      this.#failure ??= error;
    } finally {
      this.#cancelAlarm?.();
      this.#host.inHand.putDown();
      this.#committer.stop();
      // Whoever claims next appends, too: one append at a time is under way, answered or given up.
      await this.#appending.catch(() => {});
    }
    if (this.#failure === undefined) return;
    throw this.#failure instanceof Error ? this.#failure : new Error(String(this.#failure));
  }

  async #turn(): Promise<void> {
    const work =
      this.#committer.uncommitted > this.#host.options.uncommittedMax
        ? undefined // the store is behind
        : this.#agenda.next();
    if (work === undefined) return await this.#idle();
    const { records, timersBy } = work;
    if (this.#caution.isOn) return await this.#careful.turn(records[0], timersBy);
    if (records.length > 0) return await this.#take(work);
    const { timerTurns } = this.#host;
    if (timerTurns.isFree)
      return await timerTurns.take(async () => {
        await this.#take(work);
        await this.#appending;
      });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timerTurns.whenFree(() => this.#signal());
    });
  }

  async #take({ records, timersBy }: Work): Promise<void> {
    await this.#host.turnstile.pass();
    const timersMax = Math.max(records.length, this.#host.options.turnTimersMax);
    const due = this.#timers.due(timersBy, timersMax);
    const deliveries = await this.#prepare(records, due);
    if (deliveries === undefined) return;
    await this.#host.turnstile.pass();
    const decided = this.#decider.decide(deliveries, timersBy, timersMax);
    const { batch, toCopy } = decided;
    this.#note(decided);
    await writeCopies(toCopy, this.#partition, this.#host);
    if (batch.entries.length === 0 && this.#position.isFull) batch.addMark();
    if (batch.entries.length > 0) await this.#append(batch);
    this.#cache.evict();
  }

  /** Takes note of what was decided: of a record that takes several turns, who has had it. */
  #note({ taken, begun }: Pick<Decided, "taken" | "begun">): void {
    this.#intake.take(taken);
    if (taken > 0) this.#heard.clear();
    for (const { id } of begun?.deliveries ?? []) this.#heard.add(id);
  }

  /** Reads records, and loads their instances and these. @returns undefined when the tenure is over */
  async #prepare(
    records: readonly LogRecord[],
    more: readonly InstanceId[],
  ): Promise<Deliveries[] | undefined> {
    const { catalogue } = this.#host;
    this.#spans.turnBegins();
    let deliveries: Deliveries[];
    let known: number;
    do {
      // Flows that are learnt while instances are loaded may read the same records otherwise.
      known = catalogue.offset;
      deliveries = this.#read(records);
      const ids = [...deliveries.flatMap((one) => one.deliveries.map(({ id }) => id)), ...more];
      const at = { partition: this.#partition, cache: this.#cache, sent: this.#committer.sent };
      const loaded = await loadInstances(this.#host, at, ids);
      await learnVersions(this.#host, loaded, deliveries);
      if (this.#ended) return undefined;
    } while (catalogue.offset !== known);
    return deliveries;
  }

  async #keepShort(): Promise<void> {
    const batch = await this.#retention.work();
    if (batch !== undefined && batch.entries.length > 0) await this.#append(batch);
  }

  // ---- what there is to do

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
    if (this.#retention.isDue) return;
    await this.#rest(Math.min(askAt, markAt ?? askAt, this.#retention.nextMs) - now);
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

  /** Asks for due timers where no commit does; a store that was wiped or set back is noticed by it. */
  async #askStore(): Promise<void> {
    const range = this.#moveWindow();
    this.#took(await this.#host.store.due(this.#partition, range, this.#committer.sent));
  }

  /** What was decided before the window moves, and is not in the store yet, nobody else knows of. */
  #moveWindow(): DueRange {
    const range = this.#timers.move(this.#logClock.now());
    for (const { id, due } of this.#cache.uncommitted) this.#timers.remind(id, due);
    return range;
  }

  #took(page: DuePage): void {
    this.#lastStoreWord = this.#host.clock.monotonicMs();
    this.#timers.took(page, (id) => this.#cache.get(id));
    this.#signal();
  }

  // ---- read

  /** Whom the next records are for, as many of them as are for one turn. */
  #read(records: readonly LogRecord[]): Deliveries[] {
    const { inHand } = this.#host;
    const read: Deliveries[] = [];
    let at = this.#position.time;
    let room = this.#host.options.turnDeliveriesMax;
    for (const record of records) {
      const isFirst = read.length === 0;
      at = Math.max(at, record.time);
      inHand.takeEvent(this.#partition, record.offset);
      const one = this.#reader.read(record, at, isFirst ? this.#heard : nobody);
      room -= one.deliveries.length;
      if (!isFirst && (room < 0 || one.more)) break;
      read.push(one);
      if (one.more) break;
    }
    inHand.putDown();
    return read;
  }

  // ---- append

  /** Sends a batch once the one before it is acknowledged, and does not wait for its own answer. */
  async #append(batch: Batch): Promise<void> {
    const { change, position } = this.#position.journal();
    const instances = batch.takeInstances();
    for (const { id } of instances) this.#retention.touch(id);
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
    const { counters, durations, brokerClocks, onLog, clock } = this.#host;
    const sentMs = clock.monotonicMs();
    const work = () => this.#writer.append(batch.entries, change, batch.big);
    const appended = await this.#spans.append(batch, work);
    const now = clock.monotonicMs();
    counters.appends += 1;
    durations.append.observeMs(now - sentMs);
    for (const at of batch.stepTimes) durations.step.observeMs(this.#logClock.at(now) - at);
    brokerClocks.compare(this.#partition, position.time, appended.time);
    this.#logClock.learn(appended.time);
    const changes = instances.map(({ cached, records, steps: places, ...one }) => {
      const steps = places.map((place) => appended.offset + place);
      return { stored: { ...one, steps }, cached, records };
    });
    const rejections = batch.rejections.map(({ at, ...one }) =>
      storedRejection(appended.offset + at, one),
    );
    this.#committer.add(changes, rejections, this.#writer.bookmark, position);
    for (const { instance, trace, level, message } of batch.logs) {
      const { seq } = instance;
      onLog(level, message, { instance: instanceId(instance), seq, ...traceFacts(trace) });
    }
  }
}

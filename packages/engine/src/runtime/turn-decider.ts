import type { Instance } from "@millrace/shared/contract/instance";
import { parseEventHeader } from "@millrace/shared/contract/event-record";
import { DEFAULT_NAMESPACE, type InstanceId } from "@millrace/shared/contract/names";
import type { Rejected } from "@millrace/shared/contract/journal-record";
import type { EpochMs } from "@millrace/shared/contract/time";
import { decide } from "@millrace/shared/core/decide/decide";
import { rejectTimer } from "@millrace/shared/core/decide/timer";
import type { Decision } from "@millrace/shared/core/decision";
import { assert } from "@millrace/shared/errors/assert";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { Batch, causeOfFault } from "./batch.ts";
import { countIgnored, countRejected } from "./counters.ts";
import type { Deliveries, Delivery } from "./deliveries.ts";
import { bytesOf, payloadAsCame } from "./device-reading.ts";
import type { EngineHost } from "./engine-host.ts";
import { inputFor } from "./input-for.ts";
import type { InputPosition } from "./input-position.ts";
import type { Cached, InstanceCache } from "./instance-cache.ts";
import type { LogClock } from "./log-clock.ts";
import type { Decided as DecidedStep, StepSpans } from "./step-spans.ts";
import type { TimerWindow } from "./timer-window.ts";

export interface Decided {
  readonly batch: Batch;
  readonly taken: number;
  /** A record that was taken to some of its instances; the others are left for the next turn. */
  readonly begun: Deliveries | undefined;
  readonly toCopy: readonly Deliveries[];
}

/** The memory of a partition that deciding reads and changes. */
export interface PartitionMemory {
  readonly partition: number;
  readonly cache: InstanceCache;
  readonly timers: TimerWindow;
  readonly position: InputPosition;
  readonly logClock: LogClock;
  readonly spans: StepSpans;
}

/**
 * Decides the inputs of one turn in the order of the log, timers among them by the time they are due, as
 * many as one turn has room for (T2), into the records of one append. Synchronous: whatever it needs was
 * loaded before.
 */
export class TurnDecider {
  readonly #partition: number;
  readonly #host: EngineHost;
  readonly #cache: InstanceCache;
  readonly #timers: TimerWindow;
  readonly #position: InputPosition;
  readonly #logClock: LogClock;
  readonly #spans: StepSpans;
  /** Instances that this turn has looked at. */
  #used: Cached[] = [];

  constructor(host: EngineHost, memory: PartitionMemory) {
    const { partition, cache, timers, position, logClock, spans } = memory;
    this.#partition = partition;
    this.#host = host;
    this.#cache = cache;
    this.#timers = timers;
    this.#position = position;
    this.#logClock = logClock;
    this.#spans = spans;
  }

  /**
   * @param timersBy at the end of the log, where there are no records: up to when timers may fire
   * @param timersMax how many of them, beside those of the instances that the records are for
   * @returns the records to append, how many of the inputs were taken, whether the next one was begun,
   * and which of these other partitions have to hear of
   */
  decide(deliveries: readonly Deliveries[], timersBy: EpochMs, timersMax: number): Decided {
    const batch = new Batch();
    const toCopy: Deliveries[] = [];
    let taken = 0;
    let begun: Deliveries | undefined;
    let room = timersMax;
    for (const one of deliveries) {
      const at = Math.max(this.#position.time, one.record.time);
      room -= this.#fireTimers(batch, at, room, false);
      for (const { id } of one.deliveries) this.#fireOwn(batch, id, at);
      const isNew = this.#takeRecord(batch, one, at);
      if (isNew && one.copyTo.length > 0) toCopy.push(one);
      if (isNew && one.more) {
        begun = one;
        break;
      }
      taken += 1;
      if (this.#isFull(batch)) break;
    }
    if (deliveries.length === 0) this.#fireTimers(batch, timersBy, room, true);
    this.#rest();
    return { batch, taken, begun, toCopy };
  }

  /** Nothing is in hand any more. */
  #rest(): void {
    this.#host.inHand.putDown();
    for (const cached of this.#used) cached.rest();
    this.#used = [];
  }

  #use(cached: Cached): void {
    if (cached.use()) this.#used.push(cached);
  }

  #isFull({ bytes }: Batch): boolean {
    return bytes > this.#host.options.appendBytesMax;
  }

  /**
   * Fires what is due at or before a time, in order, until there is no room for more in this turn.
   *
   * @param atEnd whether this is the end of the log, where time goes by without input
   * @returns how many reminders it took
   */
  #fireTimers(batch: Batch, by: EpochMs, max: number, atEnd: boolean): number {
    for (let count = 0; count < max; count++) {
      const due = this.#timers.next();
      const id = this.#timers.take(by);
      if (due === undefined || id === undefined) return count;
      const cached = this.#cache.get(id);
      if (cached === undefined || this.#isFull(batch)) {
        this.#timers.putBack(id, due);
        return count;
      }
      this.#fireDue(batch, id, cached, due, atEnd ? by : undefined);
    }
    return max;
  }

  /** Fires what an instance that is loaded has due before its next input. */
  #fireOwn(batch: Batch, id: InstanceId, by: EpochMs): void {
    for (let due = this.#dueOf(id, by); due !== undefined; due = this.#dueOf(id, by))
      this.#fireDue(batch, id, this.#cache.get(id) as Cached, due);
  }

  /** @returns undefined, too, where it waits for the version that its instance runs */
  #dueOf(id: InstanceId, by: EpochMs): EpochMs | undefined {
    const { due, instance } = this.#cache.get(id) ?? {};
    if (instance === undefined || due === undefined || due > by) return undefined;
    return this.#host.world.flow(instance.version) === undefined ? undefined : due;
  }

  /** @returns one of those that records are for, and when it has a timer due before them */
  dueBefore(deliveries: readonly Deliveries[]): { id: InstanceId; due: EpochMs } | undefined {
    for (const { record, deliveries: to } of deliveries) {
      for (const { id } of to) {
        const due = this.#dueOf(id, Math.max(this.#position.time, record.time));
        if (due !== undefined) return { id, due };
      }
    }
    return undefined;
  }

  /**
   * @param due when its reminder is due
   * @param at log time at which it fires; when it is due, if absent
   */
  #fireDue(batch: Batch, id: InstanceId, cached: Cached, due: EpochMs, at?: EpochMs): void {
    this.#use(cached);
    const { instance, due: actual } = cached;
    if (instance === undefined || actual === undefined) return;
    // Its reminder is of a timer that is gone: what others have to fire until then comes first.
    if (actual > due) return this.#timers.putBack(id, actual);
    const when = at ?? actual;
    const { clock, durations, options } = this.#host;
    if (this.#fire(batch, id, cached, instance, when)) {
      durations.lateness.observeMs(this.#logClock.at(clock.monotonicMs()) - actual);
      this.#timers.remind(id, cached.due);
    } else this.#timers.putBack(id, when + options.unknownVersionMs);
  }

  /** Decides one timer that was taken from the window. */
  decideTimer(id: InstanceId, due: EpochMs): Batch {
    const batch = new Batch();
    const cached = this.#cache.get(id);
    if (cached !== undefined) this.#fireDue(batch, id, cached, due);
    this.#rest();
    return batch;
  }

  /** Rejects a timer unread, and takes it out of its instance. */
  rejectTimer(id: InstanceId, by: EpochMs, detail: string): Batch {
    const batch = new Batch();
    const cached = this.#cache.get(id);
    if (cached?.instance !== undefined) {
      const at = Math.max(this.#position.time, by);
      const input = { kind: "timer", to: cached.instance, at } as const;
      this.#settle(batch, id, cached, rejectTimer(cached.instance, input, "poison", detail));
      this.#timers.remind(id, cached.due);
    }
    this.#rest();
    return batch;
  }

  /** Rejects a record of `events` unread. */
  rejectRecord({ offset, time, header: text, value }: LogRecord, detail: string): Batch {
    const batch = new Batch();
    const at = Math.max(this.#position.time, time);
    const header = parseEventHeader(text);
    const read = "malformed" in header ? undefined : header;
    const cause = causeOfFault(read?.kind ?? "", offset, read);
    const ns = read?.ns ?? DEFAULT_NAMESPACE;
    const rejected = { at, cause, code: "poison", detail, ns, payload: bytesOf(value) } as const;
    this.#reject(batch, undefined, undefined, rejected, read?.trace);
    this.#host.counters.records += 1;
    countRejected(this.#host.counters, rejected.code);
    this.#position.move(offset + 1, at, this.#host.clock.monotonicMs(), read);
    return batch;
  }

  /** @returns false when the timer has to wait for the version that its instance runs */
  #fire(batch: Batch, id: InstanceId, cached: Cached, instance: Instance, when: EpochMs): boolean {
    const { counters, world, clock, inHand } = this.#host;
    const at = Math.max(this.#position.time, when);
    inHand.takeTimer(this.#partition, id);
    const decision = decide(instance, { kind: "timer", to: instance, at }, world);
    this.#settle(batch, id, cached, decision);
    if (decision.kind === "ignored" && decision.why === "unknown-version") return false;
    counters.timersFired += 1;
    this.#position.move(this.#position.offset, at, clock.monotonicMs());
    return true;
  }

  /** @returns false for a repeat */
  #takeRecord(batch: Batch, one: Deliveries, at: EpochMs): boolean {
    const { record, header } = one;
    const { counters, clock } = this.#host;
    const next = record.offset + 1;
    if (!one.more) counters.records += 1;
    if (header !== undefined && header.n <= (this.#position.stampOf(header.w) ?? -1)) {
      counters.repeats += 1;
      this.#position.move(next, at, clock.monotonicMs());
      return false;
    }
    const trace = header?.trace;
    this.#host.inHand.takeEvent(this.#partition, record.offset, trace);
    if (one.faults.length + one.deliveries.length > 1) batch.beginBig(this.#position.change());
    for (const { code, detail, ns, flow, type } of one.faults) {
      const cause = causeOfFault(type, record.offset, header);
      const payload = payloadAsCame(record.value);
      const of = flow === undefined ? {} : { flow };
      const rejected = { at, cause, code, detail, ns, payload, ...of };
      this.#reject(batch, undefined, undefined, rejected, trace);
      countRejected(counters, code);
    }
    for (const delivery of one.deliveries) this.#deliver(batch, delivery, trace);
    // Time is with it, though it is not taken: no timer fires at an earlier one before the next turn.
    if (one.more) this.#position.move(record.offset, at, clock.monotonicMs());
    else this.#position.move(next, at, clock.monotonicMs(), header);
    return true;
  }

  #deliver(batch: Batch, delivery: Delivery, trace: string | undefined): void {
    const { counters, world, catalogue } = this.#host;
    const cached = this.#cache.get(delivery.id);
    assert(cached !== undefined, "an instance is loaded before its input is decided");
    this.#cache.touch(delivery.id, cached);
    this.#use(cached);
    const input = inputFor(cached.instance, delivery, catalogue);
    if (input === undefined) return countIgnored(counters, "no-listener");
    this.#settle(batch, delivery.id, cached, decide(cached.instance, input, world), trace);
  }

  #reject(
    batch: Batch,
    id: InstanceId | undefined,
    cached: Cached | undefined,
    rejected: Rejected,
    trace: string | undefined,
  ): void {
    const { cause, code } = rejected;
    const attributes = { "error.type": code };
    const traced = this.#spans.begin("reject", trace, () => ({ cause, to: rejected, attributes }));
    batch.addRejection(id, cached, rejected, traced);
  }

  #settle(batch: Batch, id: InstanceId, cached: Cached, decision: Decision, trace?: string): void {
    const { counters } = this.#host;
    switch (decision.kind) {
      case "ignored":
        return countIgnored(counters, decision.why);
      case "rejected":
        countRejected(counters, decision.rejected.code);
        return this.#reject(batch, id, cached, decision.rejected, trace);
      case "step":
        counters.steps += 1;
        batch.addStep(
          id,
          cached,
          decision,
          this.#spans.begin("step", trace, () => stepOf(decision)),
        );
        this.#timers.remind(id, cached.due);
    }
  }
}

/** What a span says of a step. */
function stepOf({ step }: Decision & { kind: "step" }): DecidedStep {
  const { cause, from, instance } = step;
  const attributes = {
    "millrace.seq": instance.seq,
    "millrace.state.from": JSON.stringify(from),
    "millrace.state.to": JSON.stringify(instance.state),
  };
  return { cause, to: instance, attributes };
}

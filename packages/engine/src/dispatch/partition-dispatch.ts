import type { Effect, PublishEffect, SendEffect } from "@millrace/shared/contract/effect";
import { sendStamp, type Signal } from "@millrace/shared/contract/event-record";
import type { Instance } from "@millrace/shared/contract/instance";
import {
  type JournalHeader,
  parseJournalHeader,
  type Step,
} from "@millrace/shared/contract/journal-record";
import { type EffectId, effectId, instanceId, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import { type Bookmark, gapError, JournalReader } from "@millrace/shared/contract/reader";
import { traceFacts, type Traceparent } from "@millrace/shared/contract/trace";
import type { EpochMs } from "@millrace/shared/contract/time";
import { owedKey } from "@millrace/shared/core/decide/result";
import { isOperational, messageOf } from "@millrace/shared/errors/operational";
import { sleep } from "@millrace/shared/ports/clock";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { LogClock } from "../runtime/log-clock.ts";
import type { DispatchHost } from "./dispatch-host.ts";
import { beginEffect } from "./effect-spans.ts";
import type { EffectOrigin } from "./under-way.ts";
import { Progress, type Ticket } from "./progress.ts";

/**
 * Executes the effects of one journal partition, in the order of the journal.
 *
 * It keeps the reader's rule: an effect of a void record is never executed. `send`s are written in
 * order and never put aside, for their stamps rise (one that came later with a lower stamp would be
 * dropped as a repeat).
 */
export class PartitionDispatch {
  readonly #partition: number;
  readonly #host: DispatchHost;
  readonly #reader: JournalReader;
  readonly #progress: Progress;
  readonly #logClock: LogClock;
  readonly #logNow = (): EpochMs => this.#logClock.now();
  #inHand: LogRecord | undefined;
  /** When it was paused, on the monotonic clock. */
  #pausedAtMs: number | undefined;
  #ended = false;

  /** @param logTime how far the log is: what came long ago is not taken for new */
  constructor(partition: number, from: Bookmark, logTime: EpochMs, host: DispatchHost) {
    this.#partition = partition;
    this.#host = host;
    this.#logClock = new LogClock(host.clock, logTime);
    this.#reader = new JournalReader(from);
    this.#progress = new Progress(from);
  }

  get bookmark(): Bookmark {
    return this.#progress.bookmark;
  }

  /** Where the record stands that it could not take, and its trace: for the line that says so. */
  get inHand(): { readonly offset?: number; readonly trace_id?: string } {
    if (this.#inHand === undefined) return {};
    const { offset, header } = this.#inHand;
    return { offset, ...traceFacts(parseJournalHeader(header)?.trace) };
  }

  /** How long nothing more is read, because too much is under way; 0 where that is not so. */
  get pausedMs(): number {
    return this.#pausedAtMs === undefined ? 0 : this.#host.clock.monotonicMs() - this.#pausedAtMs;
  }

  /** @throws OperationalError LOG-005 when the log has lost records, LOG-007 when one cannot be read */
  take(records: readonly LogRecord[]): void {
    for (const record of records) this.#takeOne(record);
    this.#inHand = undefined; // it would keep the fetch that it came with
    this.#holdBack();
  }

  #takeOne(record: LogRecord): void {
    const { counters } = this.#host;
    this.#inHand = record;
    const before = this.#reader.bookmark;
    if (record.time > this.#logNow()) this.#logClock.learn(record.time);
    const header = parseJournalHeader(record.header);
    const reading = this.#reader.read(record.offset, header);
    counters.records += 1;
    if (reading === "gap") throw gapError(this.#partition, record.offset);
    if (reading === "counts" && header !== undefined) this.#execute(header, record, before);
    else if (reading === "void") counters.void += 1;
    this.#progress.read(this.#reader.bookmark);
  }

  #execute(header: JournalHeader, record: LogRecord, before: Bookmark): void {
    if (header.kind !== "step") return;
    const { commands, calls } = this.#host;
    const watched =
      record.key !== null && (commands.watches(record.key) || calls.watches(record.key));
    if (header.fx === undefined && !watched) return;
    const step = readJournalValue("step", record, this.#partition);
    if (header.fx !== undefined) {
      const ticket = this.#progress.open(before);
      ticket.add(); // held until all of the step's effects are under way
      for (const effect of step.effects) {
        if (effect.verdict.allow) this.#begin(effect, step, record.offset, ticket, header.trace);
      }
      ticket.done(false);
    }
    if (watched) {
      const parked = step.cause.type === "parked" ? step.cause.effect : undefined;
      commands.recordRead(step.instance, record.offset, parked);
      calls.recordRead(step.instance, record.offset, parked);
    }
    if (step.cause.type === "parked")
      this.resume(step.instance, record.offset, step.cause.effect as EffectId);
  }

  #begin(
    effect: Effect,
    step: Step,
    offset: number,
    ticket: Ticket,
    parent: Traceparent | undefined,
  ): void {
    const { instance } = step;
    const { ns, flow, key } = instance;
    const to = { ns, flow, key };
    const id = effectId(to, instance.generation, instance.seq, effect.index);
    const { tracer, commands, calls } = this.#host;
    if (effect.kind === "log") return;
    const of = (): EffectOrigin => {
      const { trace, span } = beginEffect(tracer, effect, parent, { id, to });
      return { id, to, partition: this.#partition, offset, trace, span, logNow: this.#logNow };
    };
    switch (effect.kind) {
      case "command":
        if (!commands.has(id)) commands.begin(of(), effect, ticket, instance);
        break;
      case "send": {
        const origin = of();
        const work = () => this.#send(effect, id, ns, offset, origin.trace);
        void this.#carryOut(origin, ticket, work);
        break;
      }
      case "publish": {
        const origin = of();
        const work = () => this.#publish(effect, id, step, origin.trace);
        void this.#carryOut(origin, ticket, work);
        break;
      }
      case "call":
        // A state that was left in the same step waits for nothing.
        if (owes(instance, id) && !calls.has(id)) calls.begin(of(), effect, ticket);
        break;
    }
  }

  /**
   * Works until it is done, or refused for good. What is broken off by the end of this dispatch stays
   * under way: the bookmark does not pass it, and whoever is next does it again.
   */
  async #carryOut(
    { id, to, trace, span }: EffectOrigin,
    ticket: Ticket,
    work: () => Promise<void>,
  ): Promise<void> {
    ticket.add();
    let attempt = work;
    while (!this.#ended) {
      try {
        await attempt();
        span?.end();
        return ticket.done(false);
      } catch (error) {
        if (this.#ended) return;
        const { onLine, options, clock, results } = this.#host;
        const why = messageOf(error);
        onLine("warn", "an effect was not carried out; trying again", {
          ...{ effect: id, why },
          ...traceFacts(trace),
        });
        // The log will never take it: an operator has to see that.
        if (isOperational(error, "LOG-003"))
          attempt = () => results.settle(to, id, "refused", { error: { message: why } }, trace);
        else await sleep(clock, options.retryMs);
      }
    }
  }

  /** Goes on with what was put aside of an instance as it was after a record of the journal. */
  resume(instance: Instance, offset: number, parked?: EffectId): void {
    const from = { partition: this.#partition, offset, logNow: this.#logNow };
    this.#host.commands.resume(instance, from, parked);
    this.#host.calls.resume(instance, from);
  }

  /** Ends what is under way; it is not done. */
  end(): void {
    this.#ended = true;
  }

  /** In the journal's order: the writer keeps the order in which it is handed records. */
  async #send(
    effect: SendEffect,
    id: EffectId,
    ns: string,
    offset: number,
    trace: string | undefined,
  ): Promise<void> {
    const { flow, key, type, payload, index } = effect;
    const header: Signal = {
      v: 1,
      kind: "signal",
      ns,
      flow,
      key,
      type,
      id,
      effect: id,
      w: `journal/${this.#partition}`,
      n: sendStamp(offset, index),
      ...(trace !== undefined && { trace }),
    };
    const of = logKey(ns, key);
    const record = {
      key: of,
      header: JSON.stringify(header),
      value: JSON.stringify(payload),
    };
    await this.#host.events.write(partitionOf(of, this.#host.log.partitions), record, trace);
    this.#host.counters.sent += 1;
  }

  async #publish(
    effect: PublishEffect,
    id: EffectId,
    step: Step,
    trace: string | undefined,
  ): Promise<void> {
    await this.#host.log.publish({
      topic: effect.topic,
      key: effect.key,
      headers: {
        ce_specversion: "1.0",
        ce_id: id,
        ce_source: `millrace://${instanceId(step.instance)}`,
        ce_type: effect.type,
        ce_time: new Date(step.at).toISOString(),
        "content-type": "application/json",
        ...(trace !== undefined && { ce_traceparent: trace }),
      },
      value: JSON.stringify(effect.payload),
    });
    this.#host.counters.published += 1;
  }

  #holdBack(): void {
    const over = this.#progress.underWay > this.#host.options.underWayMax;
    if (over === (this.#pausedAtMs !== undefined)) return;
    this.#pausedAtMs = over ? this.#host.clock.monotonicMs() : undefined;
    if (over) this.#host.subscription().pause(this.#partition);
    else this.#host.subscription().resume(this.#partition);
  }

  /** Looks whether a partition that was paused can go on. */
  relieve(): void {
    this.#holdBack();
  }
}

function owes(instance: Instance, id: EffectId): boolean {
  return instance.owed?.[owedKey(id) ?? ""] !== undefined;
}

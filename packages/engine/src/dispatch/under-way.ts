import type { CallEffect, CommandEffect, Outcome } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import type { JsonObject } from "@millrace/shared/contract/json";
import { type EffectId, type InstanceRef, logKey } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import { owedKey } from "@millrace/shared/core/decide/result";
import type { Traceparent } from "@millrace/shared/contract/trace";
import type { Clock } from "@millrace/shared/ports/clock";
import type { Span, Tracer } from "@millrace/shared/ports/tracer";
import type { Histogram } from "@millrace/shared/telemetry/histogram";
import type { DispatchCounters, DispatchDurations, DispatchOptions } from "./options.ts";
import type { Ticket } from "./progress.ts";
import { type EndOfEffect, RecentOutcomes } from "./recent-outcomes.ts";
import type { Results } from "./results.ts";

/** Whose an effect is, and where it came from. */
export interface EffectOrigin {
  readonly id: EffectId;
  readonly to: InstanceRef;
  /** Partition of the journal that it came from. */
  readonly partition: number;
  /** Offset of its step, or of the last record that said that it is put aside. */
  readonly offset: number;
  /** What it is a part of: its own span, where that is recorded. */
  readonly trace: Traceparent | undefined;
  readonly span: Span | undefined;
  /** The time of the log that it came from. */
  readonly logNow: () => EpochMs;
}

/** An effect on its way: being carried out, waiting, or put aside. */
export interface PendingEffect<E extends CommandEffect | CallEffect> extends EffectOrigin {
  readonly effect: E;
  /** What the bookmark waits for; undefined once the effect is parked or done. */
  ticket: Ticket | undefined;
  parking: "no" | "asked" | "parked";
  /** Whether its ticket waits for the journal. */
  waits: boolean;
  settled: boolean;
  /** When it was begun here, on the monotonic clock. */
  readonly beganMs: number;
  /** What ends its timers, and whatever else is under way for it. */
  readonly cancels: (() => void)[];
}

/** What the effects under way of a dispatcher share. */
export interface UnderWayParts {
  readonly results: Results;
  readonly clock: Clock;
  readonly tracer: Tracer | undefined;
  readonly options: DispatchOptions;
  readonly counters: DispatchCounters;
  readonly durations: DispatchDurations;
}

/**
 * The effects of one kind that are under way in one process, found by what can happen to them.
 *
 * Invariants:
 *   U1 an effect's record stays above the bookmark until the effect is settled, or until the step that
 *      parked it has been read in the journal;
 *   U2 an outcome is written as an event where its instance owes it, where the effect was put aside, or
 *      where it failed; what was asked to be parked counts as parked, for the step may already stand;
 *   U3 what its instance owes no more is dropped here.
 */
export class UnderWay<P extends PendingEffect<CommandEffect> | PendingEffect<CallEffect>> {
  readonly #parts: UnderWayParts;
  readonly #durations: Histogram;
  readonly #all = new Map<EffectId, P>();
  /** By the key that the records of their instances have in the journal. */
  readonly #byKey = new Map<string, Set<P>>();
  readonly #ended = new RecentOutcomes();
  #stopped = false;

  /** @param durations counts how long they took to end */
  constructor(parts: UnderWayParts, durations: Histogram) {
    this.#parts = parts;
    this.#durations = durations;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get size(): number {
    return this.#all.size;
  }

  /** How many are put aside. */
  get parked(): number {
    let count = 0;
    for (const { parking } of this.#all.values()) if (parking === "parked") count += 1;
    return count;
  }

  /** How one ended here, if it did so not long ago. */
  endedAs(id: EffectId): EndOfEffect | undefined {
    return this.#ended.get(id);
  }

  /** One that is not under way here has ended, as is being told. */
  hasEnded(id: EffectId, as: EndOfEffect): void {
    this.#ended.set(id, as);
  }

  has(id: EffectId): boolean {
    return this.#all.has(id);
  }

  of({ ns, flow, key }: InstanceRef): P[] {
    const known = this.#byKey.get(logKey(ns, key)) ?? [];
    return [...known].filter((pending) => pending.to.flow === flow);
  }

  all(): P[] {
    return [...this.#all.values()];
  }

  add(pending: P): P {
    this.#all.set(pending.id, pending);
    const key = logKey(pending.to.ns, pending.to.key);
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, new Set([pending]));
    else known.add(pending);
    return pending;
  }

  later(pending: P, ms: number, call: () => void): void {
    pending.cancels.push(this.#parts.clock.after(ms, call));
  }

  // ---- what the journal says

  /** Whether records with this key may be about an effect under way, and are worth opening. */
  watches(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** A record of an instance was read: which of its effects have been parked, which are owed no more? */
  recordRead(instance: Instance, offset: number, parkedEffect: string | undefined): void {
    const parked = this.#all.get(parkedEffect as EffectId);
    // Whoever asked, an earlier dispatcher perhaps: its instance keeps it now, and waits for the outcome.
    if (parked !== undefined && parked.parking !== "parked") {
      parked.parking = "parked";
      this.#release(parked);
    }
    for (const pending of this.of(instance)) {
      const expected =
        offset > pending.offset && (pending.parking === "parked" || pending.effect.owed);
      const key = owedKey(pending.id);
      if (expected && key !== undefined && instance.owed?.[key] === undefined) this.drop(pending);
    }
  }

  // ---- one effect

  /** Puts it aside after a second. */
  parkLater(pending: P): void {
    this.later(pending, this.#parts.options.parkMs, () => void this.#park(pending));
  }

  async #park(pending: P): Promise<void> {
    if (pending.settled || pending.parking === "parked" || this.#stopped) return;
    if (pending.parking === "no") {
      this.#parts.counters.parked += 1;
      // Its answer stands further on in the journal, and reading must not wait for it.
      pending.ticket?.waits();
      pending.waits = true;
    }
    pending.parking = "asked";
    this.later(pending, this.#parts.options.askAgainMs, () => void this.#park(pending));
    const { to, id, effect, trace } = pending;
    await isWritten(this.#parts.results.park(to, id, effect, trace));
  }

  async settle(
    pending: P,
    outcome: Exclude<Outcome, "expired">,
    payload: JsonObject,
  ): Promise<void> {
    if (pending.settled) return;
    this.#finish(pending, outcome);
    this.#durations.observeMs(this.#parts.clock.monotonicMs() - pending.beganMs);
    this.#ended.set(pending.id, outcome);
    const written = pending.effect.owed || pending.parking !== "no" || outcome === "refused";
    if (!written) return this.#release(pending);
    const { to, id, trace } = pending;
    const writing = this.#parts.results.settle(to, id, outcome, payload, trace);
    if (await isWritten(writing)) this.#release(pending);
  }

  /** Nobody waits for it any more; past its deadline, it has expired. */
  drop(pending: P): void {
    if (pending.settled) return;
    const outcome = isLate(pending) ? "expired" : "dropped";
    this.#finish(pending, outcome);
    this.#parts.counters[outcome] += 1;
    this.#release(pending);
  }

  /** @param outcome how it ended, or `left`: it goes on elsewhere */
  #finish(pending: P, outcome: Outcome | "dropped" | "left"): void {
    pending.settled = true;
    const parked = pending.parking !== "no";
    pending.span?.end({
      attributes: { "millrace.outcome": outcome, "millrace.parked": parked },
      ...((outcome === "refused" || outcome === "error") && { error: outcome }),
    });
    for (const cancel of pending.cancels) cancel();
    this.#all.delete(pending.id);
    const key = logKey(pending.to.ns, pending.to.key);
    const known = this.#byKey.get(key);
    known?.delete(pending);
    if (known?.size === 0) this.#byKey.delete(key);
  }

  #release(pending: P): void {
    pending.ticket?.done(pending.waits);
    pending.ticket = undefined;
  }

  // ---- ends

  /** Forgets what belongs to a partition that is another's now. */
  forget(partition: number): void {
    for (const pending of this.all())
      if (pending.partition === partition) this.#finish(pending, "left");
  }

  stop(): void {
    this.#stopped = true;
    for (const pending of this.all()) this.#finish(pending, "left");
  }
}

function isLate({ effect, logNow }: PendingEffect<CommandEffect | CallEffect>): boolean {
  return effect.kind === "command" && effect.deadline !== undefined && effect.deadline <= logNow();
}

/** What is not written stays under way: the bookmark does not pass it, and whoever is next does it again. */
export async function isWritten(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch {
    return false;
  }
}

import type { CommandEffect } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import {
  type EffectId,
  encodePart,
  instanceId,
  type InstanceRef,
  parseEffectId,
} from "@millrace/shared/contract/names";
import { outstanding } from "@millrace/shared/core/outstanding";
import { filterMatches } from "@millrace/shared/mqtt/filter";
import type { CommandOutcome, Gateways } from "@millrace/shared/peer/gateways";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { Clock } from "@millrace/shared/ports/clock";
import { beginEffect } from "./effect-spans.ts";
import type { DispatchCounters, DispatchOptions } from "./options.ts";
import type { Ticket } from "./progress.ts";
import type { Results } from "./results.ts";
import {
  type EffectOrigin,
  isWritten,
  type PendingEffect,
  UnderWay,
  type UnderWayParts,
} from "./under-way.ts";

/** A command on its way: handed over, waiting for a subscriber, or put aside. */
interface PendingCommand extends PendingEffect<CommandEffect> {
  /** Whether it is with a gateway now. */
  handedOver: boolean;
}

/**
 * Brings commands to devices.
 *
 * Owns the commands under way in this process. Invariants, beside those of what is under way:
 *   C1 only the engine says that a command has expired: here it is handed over to nobody then, and
 *      dropped when it is no longer owed;
 *   C2 a newer command of the same name replaces one that is not yet delivered, unless the flow says
 *      otherwise.
 */
export class Commands {
  readonly #gateways: Gateways;
  readonly #results: Results;
  readonly #clock: Clock;
  readonly #tracer: Tracer | undefined;
  readonly #options: DispatchOptions;
  readonly #counters: DispatchCounters;
  readonly #pending: UnderWay<PendingCommand>;
  /** Of partitions whose parked commands are not resumed yet: the latest that replaces older ones, by name. */
  readonly #latest = new Map<number, Map<string, EffectId>>();
  readonly #stopListening: () => void;

  constructor(parts: UnderWayParts & { readonly gateways: Gateways }) {
    this.#gateways = parts.gateways;
    this.#results = parts.results;
    this.#clock = parts.clock;
    this.#tracer = parts.tracer;
    this.#options = parts.options;
    this.#counters = parts.counters;
    this.#pending = new UnderWay(parts, parts.durations.command);
    this.#stopListening = parts.gateways.onSubscribed((ns, filter) => this.#subscribed(ns, filter));
  }

  get underWay(): number {
    return this.#pending.size;
  }

  /** Of these, those that are put aside. */
  get parked(): number {
    return this.#pending.parked;
  }

  has(id: EffectId): boolean {
    return this.#pending.has(id);
  }

  /** Begins to deliver an effect of a step that was just read. */
  begin(of: EffectOrigin, effect: CommandEffect, ticket: Ticket, instance: Instance): void {
    ticket.add();
    const command = this.#add({ ...of, effect, ticket, parking: "no" });
    if (effect.supersede) {
      this.#supersede(command);
      this.#supersedeParked(command, instance, ticket);
    }
    const { parkMs } = this.#options;
    const lifeMs = lifeOf(command);
    if (!effect.owed && lifeMs <= parkMs) {
      if (lifeMs <= 0) return this.#pending.drop(command);
      this.#pending.later(command, lifeMs, () => this.#pending.drop(command));
    }
    this.#pending.parkLater(command);
    void this.#attempt(command);
  }

  /** From now on commands of a partition are begun; those that were put aside are resumed later. */
  expectParked(partition: number): void {
    this.#latest.set(partition, new Map());
  }

  /**
   * Goes on with what is put aside of an instance, whoever had asked for that.
   *
   * @param from its partition, and the offset of the last record of the journal that the instance is made of
   * @param parked what that record has put aside; undefined where the instance is the store's
   */
  resume(
    instance: Instance,
    from: Pick<EffectOrigin, "partition" | "offset" | "logNow">,
    parked?: EffectId,
  ): void {
    const { ns, flow, key } = instance;
    const to = { ns, flow, key };
    const resumed: PendingCommand[] = [];
    for (const { id, owed } of outstanding(instance).toReversed()) {
      if (owed.parked === undefined || owed.kind !== "command" || this.#pending.has(id)) continue;
      const effect = owed.parked as unknown as CommandEffect;
      const ended = this.#pending.endedAs(id);
      if (ended !== undefined) {
        // It ended here before the request to put it aside was taken, perhaps that of another dispatcher.
        // It is not told with each step that puts another one aside: an engine that is behind would have
        // ever more to read.
        if (parked === undefined || parked === id)
          void isWritten(this.#results.settle(to, id, ended, {}, owed.trace, "again"));
        continue;
      }
      const by = this.#replacedBy(from.partition, { id, to, effect });
      if (by !== undefined) {
        // When the newer one was decided, its instance may not yet have owed this one.
        this.#pending.hasEnded(id, "superseded");
        void isWritten(this.#results.settle(to, id, "superseded", { by }, owed.trace));
        continue;
      }
      const { trace, span } = beginEffect(this.#tracer, effect, owed.trace, { id, to });
      const of = { ...from, id, to, effect, trace, span };
      const command = this.#add({ ...of, ticket: undefined, parking: "parked" });
      this.#remember(command);
      resumed.unshift(command);
    }
    for (const command of resumed) void this.#attempt(command);
  }

  parkedResumed(partition: number): void {
    this.#latest.delete(partition);
  }

  #add(of: EffectOrigin & Pick<PendingCommand, "effect" | "ticket" | "parking">): PendingCommand {
    return this.#pending.add({
      ...of,
      waits: false,
      settled: false,
      beganMs: this.#clock.monotonicMs(),
      handedOver: false,
      cancels: [],
    });
  }

  /** Whether records with this key may be about a command under way, and are worth opening. */
  watches(key: string): boolean {
    return this.#pending.watches(key);
  }

  recordRead(instance: Instance, offset: number, parkedEffect: string | undefined): void {
    this.#pending.recordRead(instance, offset, parkedEffect);
  }

  // ---- one command

  async #attempt(command: PendingCommand): Promise<void> {
    if (command.settled || command.handedOver || this.#pending.stopped) return;
    if (lifeOf(command) <= 0) return; // the engine says that it has expired, and then it is dropped
    const { effect, to, id } = command;
    const links = this.#gateways.match(to.ns, effect.topic);
    if (links.length === 0) return; // it waits: a subscriber will be heard of
    command.handedOver = true;
    const message = {
      ns: to.ns,
      topic: effect.topic,
      payload: encode(effect),
      qos: effect.qos,
      id,
      ...(command.span && { trace: command.span.trace }),
    };
    const outcomes = await Promise.all(
      links.map((link) => link.deliver(message).catch((): CommandOutcome => ({ outcome: "none" }))),
    );
    command.handedOver = false;
    if (command.settled || this.#pending.stopped) return;
    if (outcomes.some(({ outcome }) => outcome === "delivered")) {
      return await this.#settle(command, "delivered", {});
    }
    const refusal = outcomes.find((one) => one.outcome === "refused");
    if (refusal?.outcome === "refused" && outcomes.every(({ outcome }) => outcome === "refused")) {
      return await this.#settle(command, "refused", { code: refusal.code });
    }
    // Somebody subscribed while it was under way, or a connection broke: look again in a while.
    this.#pending.later(command, this.#options.retryMs, () => void this.#attempt(command));
  }

  #subscribed(ns: string, filter: string): void {
    for (const command of this.#pending.all()) {
      if (command.handedOver || command.to.ns !== ns) continue;
      if (filterMatches(filter, command.effect.topic)) void this.#attempt(command);
    }
  }

  #supersede(newer: PendingCommand): void {
    for (const command of this.#pending.of(newer.to)) {
      if (command.effect.name !== newer.effect.name || !isBefore(command.id, newer.id)) continue;
      void this.#settle(command, "superseded", { by: newer.id });
    }
    this.#remember(newer);
  }

  /** Those that an earlier dispatcher had put aside: they are here only once they are resumed. */
  #supersedeParked(newer: PendingCommand, instance: Instance, ticket: Ticket): void {
    for (const { id, owed } of outstanding(instance)) {
      if (owed.parked === undefined || owed.kind !== "command") continue;
      if (owed.name !== newer.effect.name || !isBefore(id, newer.id)) continue;
      // Told once: the instance has it yet to hear. One that ended otherwise was put aside after that.
      if (this.#pending.has(id) || this.#pending.endedAs(id) === "superseded") continue;
      this.#pending.hasEnded(id, "superseded");
      this.#counters.superseded += 1;
      ticket.add();
      const { to, trace } = newer;
      const writing = this.#results.settle(to, id, "superseded", { by: newer.id }, trace);
      void isWritten(writing).then((written) => written && ticket.done(false));
    }
  }

  #remember({ partition, to, effect, id }: PendingCommand): void {
    if (effect.supersede) this.#latest.get(partition)?.set(nameOf(to, effect), id);
  }

  #replacedBy(
    partition: number,
    { id, to, effect }: Pick<PendingCommand, "id" | "to" | "effect">,
  ): EffectId | undefined {
    const latest = this.#latest.get(partition)?.get(nameOf(to, effect));
    return latest !== undefined && isBefore(id, latest) ? latest : undefined;
  }

  async #settle(
    command: PendingCommand,
    outcome: "delivered" | "refused" | "superseded",
    payload: JsonObject,
  ): Promise<void> {
    if (!command.settled) this.#counters[outcome] += 1;
    await this.#pending.settle(command, outcome, payload);
  }

  // ---- ends

  /** Forgets what belongs to a partition that is another's now. */
  forget(partition: number): void {
    this.#latest.delete(partition);
    this.#pending.forget(partition);
  }

  stop(): void {
    this.#stopListening();
    this.#pending.stop();
  }
}

/** How long a command is still good for, by the log's time. */
function lifeOf({ effect, logNow }: PendingCommand): number {
  return effect.deadline === undefined ? Number.POSITIVE_INFINITY : effect.deadline - logNow();
}

function nameOf(to: InstanceRef, { name }: CommandEffect): string {
  return `${instanceId(to)}/${encodePart(name)}`;
}

/** Whether one effect of an instance was decided before another. */
function isBefore(one: EffectId, other: EffectId): boolean {
  const [a, b] = [parseEffectId(one), parseEffectId(other)];
  if (a === undefined || b === undefined) return false;
  if (a.generation !== b.generation) return a.generation < b.generation;
  return a.seq === b.seq ? a.index < b.index : a.seq < b.seq;
}

/** A payload as the device gets it. */
function encode({ payload, format }: CommandEffect): Buffer {
  if (format === "bytes") return Buffer.from(String(payload), "base64");
  if (format === "text") return Buffer.from(textOf(payload));
  return Buffer.from(payload === null ? "" : JSON.stringify(payload));
}

function textOf(payload: Json): string {
  return typeof payload === "string" ? payload : JSON.stringify(payload);
}

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
import type { EpochMs } from "@millrace/shared/contract/time";
import { owedKey } from "@millrace/shared/core/decide/result";
import { outstanding } from "@millrace/shared/core/outstanding";
import { filterMatches } from "@millrace/shared/mqtt/filter";
import type { CommandOutcome, Gateways } from "@millrace/shared/peer/gateways";
import type { Clock } from "@millrace/shared/ports/clock";
import type { DispatchCounters, DispatchOptions } from "./options.ts";
import { type PendingCommand, PendingCommands } from "./pending.ts";
import { type EndOfCommand, RecentOutcomes } from "./recent-outcomes.ts";
import type { Ticket } from "./progress.ts";
import type { Results } from "./results.ts";

/**
 * Brings commands to devices.
 *
 * Owns the commands under way in this process. Invariants:
 *   C1 a command's record stays above the bookmark until the command is settled, or until the step that
 *      parked it has been read in the journal;
 *   C2 an outcome is written as an event where the flow handles it, where the effect was put aside, or
 *      where it failed; what was asked to be parked counts as parked, for the step may already stand;
 *   C3 only the engine says that a command has expired: what it no longer owes is dropped here;
 *   C4 a newer command of the same name replaces one that is not yet delivered, unless the flow says
 *      otherwise.
 */
export class Commands {
  readonly #gateways: Gateways;
  readonly #results: Results;
  readonly #clock: Clock;
  readonly #options: DispatchOptions;
  readonly #counters: DispatchCounters;
  readonly #pending = new PendingCommands();
  /** Of partitions whose parked commands are not resumed yet: the latest that replaces older ones, by name. */
  readonly #latest = new Map<number, Map<string, EffectId>>();
  /** How commands ended here. */
  readonly #ended = new RecentOutcomes();
  readonly #stopListening: () => void;
  #stopped = false;

  constructor(parts: {
    gateways: Gateways;
    results: Results;
    clock: Clock;
    options: DispatchOptions;
    counters: DispatchCounters;
  }) {
    this.#gateways = parts.gateways;
    this.#results = parts.results;
    this.#clock = parts.clock;
    this.#options = parts.options;
    this.#counters = parts.counters;
    this.#stopListening = parts.gateways.onSubscribed((ns, filter) => this.#subscribed(ns, filter));
  }

  get underWay(): number {
    return this.#pending.size;
  }

  /** Begins to deliver an effect of a step that was just read. */
  begin(
    of: {
      id: EffectId;
      to: InstanceRef;
      partition: number;
      offset: number;
      trace: string | undefined;
      logNow: () => EpochMs;
    },
    effect: CommandEffect,
    ticket: Ticket,
    instance: Instance,
  ): void {
    if (this.#pending.has(of.id)) return;
    ticket.add();
    const command = this.#add({ ...of, effect, ticket, parking: "no" });
    if (effect.supersede) {
      this.#supersede(command);
      this.#supersedeParked(command, instance, ticket);
    }
    const { parkMs } = this.#options;
    const lifeMs = lifeOf(command);
    if (!effect.owed && lifeMs <= parkMs) {
      if (lifeMs <= 0) return this.#drop(command);
      this.#later(command, lifeMs, () => this.#drop(command));
    }
    this.#later(command, parkMs, () => void this.#park(command));
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
   */
  resume(
    instance: Instance,
    from: { readonly partition: number; readonly offset: number; readonly logNow: () => EpochMs },
  ): void {
    const { ns, flow, key } = instance;
    const to = { ns, flow, key };
    const resumed: PendingCommand[] = [];
    for (const { id, owed } of outstanding(instance).toReversed()) {
      if (owed.parked === undefined || owed.kind !== "command" || this.#pending.has(id)) continue;
      const effect = owed.parked as unknown as CommandEffect;
      const ended = this.#ended.get(id);
      if (ended !== undefined) {
        // It ended here before the request to put it aside was taken, perhaps that of another dispatcher.
        // A refusal was told already, and told again it would count as another.
        if (ended !== "refused") void isWritten(this.#results.settle(to, id, ended, {}, undefined));
        continue;
      }
      const of = { ...from, id, to, effect, trace: undefined };
      // What replaced it has said so, or says so again when it is read anew.
      if (this.#replaces(from.partition, of)) continue;
      const command = this.#add({ ...of, ticket: undefined, parking: "parked" });
      this.#remember(command);
      resumed.unshift(command);
    }
    for (const command of resumed) void this.#attempt(command);
  }

  parkedResumed(partition: number): void {
    this.#latest.delete(partition);
  }

  #add(of: Omit<PendingCommand, Fresh>): PendingCommand {
    const command = { ...of, waits: false, settled: false, handedOver: false, cancelTimers: [] };
    this.#pending.add(command);
    return command;
  }

  #later(command: PendingCommand, ms: number, call: () => void): void {
    command.cancelTimers.push(this.#clock.after(ms, call));
  }

  /** Whether records with this key may be about a command under way, and are worth opening. */
  watches(key: string): boolean {
    return this.#pending.hasKey(key);
  }

  /** A record of an instance was read: which of its commands have been parked, which are owed no more? */
  recordRead(instance: Instance, offset: number, parkedEffect: string | undefined): void {
    const parked = parkedEffect === undefined ? undefined : this.#pending.get(parkedEffect);
    // Another dispatcher may have asked for it: the instance waits for an outcome all the same.
    if (parked !== undefined && parked.parking !== "parked") {
      parked.parking = "parked";
      this.#release(parked);
    }
    for (const command of this.#pending.of(instance)) {
      const expected =
        offset > command.offset && (command.parking === "parked" || command.effect.owed);
      const key = owedKey(command.id);
      if (expected && key !== undefined && instance.owed?.[key] === undefined) this.#drop(command);
    }
  }

  // ---- one command

  async #attempt(command: PendingCommand): Promise<void> {
    if (command.settled || command.handedOver || this.#stopped) return;
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
    };
    const outcomes = await Promise.all(
      links.map((link) => link.deliver(message).catch((): CommandOutcome => ({ outcome: "none" }))),
    );
    command.handedOver = false;
    if (command.settled || this.#stopped) return;
    if (outcomes.some(({ outcome }) => outcome === "delivered")) {
      return await this.#settle(command, "delivered", {});
    }
    const refusal = outcomes.find((one) => one.outcome === "refused");
    if (refusal?.outcome === "refused" && outcomes.every(({ outcome }) => outcome === "refused")) {
      return await this.#settle(command, "refused", { code: refusal.code });
    }
    // Somebody subscribed while it was under way, or a connection broke: look again in a while.
    this.#later(command, this.#options.retryMs, () => void this.#attempt(command));
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
      if (owed.name !== newer.effect.name || !isBefore(id, newer.id) || this.#pending.has(id))
        continue;
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

  #replaces(
    partition: number,
    { id, to, effect }: Pick<PendingCommand, "id" | "to" | "effect">,
  ): boolean {
    const latest = this.#latest.get(partition)?.get(nameOf(to, effect));
    return latest !== undefined && isBefore(id, latest);
  }

  async #settle(
    command: PendingCommand,
    outcome: EndOfCommand,
    payload: JsonObject,
  ): Promise<void> {
    if (command.settled) return;
    this.#finish(command);
    this.#counters[outcome] += 1;
    this.#ended.set(command.id, outcome);
    const written = command.effect.owed || command.parking !== "no" || outcome === "refused";
    if (!written) return this.#release(command);
    const { to, id, trace } = command;
    const writing = this.#results.settle(to, id, outcome, payload, trace);
    if (await isWritten(writing)) this.#release(command);
  }

  async #park(command: PendingCommand): Promise<void> {
    if (command.settled || command.parking === "parked" || this.#stopped) return;
    if (command.parking === "no") {
      this.#counters.parked += 1;
      // Its answer stands further on in the journal, and reading must not wait for it.
      command.ticket?.waits();
      command.waits = true;
    }
    command.parking = "asked";
    this.#later(command, this.#options.askAgainMs, () => void this.#park(command));
    const { to, id, effect, trace } = command;
    await isWritten(this.#results.park(to, id, effect, trace));
  }

  /** Nobody waits for it any more. */
  #drop(command: PendingCommand): void {
    if (command.settled) return;
    this.#finish(command);
    this.#counters.dropped += 1;
    this.#release(command);
  }

  #finish(command: PendingCommand): void {
    command.settled = true;
    for (const cancel of command.cancelTimers) cancel();
    this.#pending.delete(command);
  }

  #release(command: PendingCommand): void {
    command.ticket?.done(command.waits);
    command.ticket = undefined;
  }

  // ---- ends

  /** Forgets what belongs to a partition that is another's now. */
  forget(partition: number): void {
    this.#latest.delete(partition);
    for (const command of this.#pending.all()) {
      if (command.partition === partition) this.#finish(command);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stopListening();
    for (const command of this.#pending.all()) this.#finish(command);
  }
}

/** What is the same of every command at its begin. */
type Fresh = "waits" | "settled" | "handedOver" | "cancelTimers";

/** What is not written stays under way: the bookmark does not pass it, and whoever is next does it again. */
async function isWritten(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch {
    return false;
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

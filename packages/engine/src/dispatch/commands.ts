import type { CommandEffect } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import type { EffectId, InstanceRef } from "@millrace/shared/contract/names";
import { owedKey } from "@millrace/shared/core/decide/result";
import { filterMatches } from "@millrace/shared/mqtt/filter";
import type { CommandOutcome, Gateways } from "@millrace/shared/peer/gateways";
import type { Clock } from "@millrace/shared/ports/clock";
import type { DispatchCounters, DispatchOptions } from "./options.ts";
import { type PendingCommand, PendingCommands } from "./pending.ts";
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
    },
    effect: CommandEffect,
    ticket: Ticket,
    stepAt: number,
  ): void {
    if (this.#pending.has(of.id)) return;
    ticket.add();
    const command = this.#add({ ...of, effect, ticket, parking: "no" });
    if (effect.supersede) this.#supersede(command);
    const { parkMs } = this.#options;
    const lifeMs =
      effect.deadline === undefined ? Number.POSITIVE_INFINITY : effect.deadline - stepAt;
    if (!effect.owed && lifeMs <= parkMs) {
      this.#later(command, lifeMs, () => this.#drop(command));
    }
    this.#later(command, parkMs, () => void this.#park(command));
    void this.#attempt(command);
  }

  /** Goes on with an effect that an earlier dispatcher had put aside. */
  resume(id: EffectId, to: InstanceRef, effect: CommandEffect, partition: number): void {
    if (this.#pending.has(id)) return;
    const of = { id, to, partition, offset: -1, trace: undefined };
    const command = this.#add({ ...of, effect, ticket: undefined, parking: "parked" });
    void this.#attempt(command);
  }

  #add(of: Omit<PendingCommand, "settled" | "handedOver" | "cancelTimers">): PendingCommand {
    const command = { ...of, settled: false, handedOver: false, cancelTimers: [] };
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
    if (parked !== undefined && parked.parking === "asked") {
      parked.parking = "parked";
      this.#release(parked);
    }
    for (const command of this.#pending.of(instance)) {
      const expected =
        command.parking === "parked" || (command.effect.owed && offset > command.offset);
      const key = owedKey(command.id);
      if (expected && key !== undefined && instance.owed?.[key] === undefined) this.#drop(command);
    }
  }

  // ---- one command

  async #attempt(command: PendingCommand): Promise<void> {
    if (command.settled || command.handedOver || this.#stopped) return;
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
      if (command === newer || command.effect.name !== newer.effect.name) continue;
      if (command.offset > newer.offset) continue;
      void this.#settle(command, "superseded", { by: newer.id });
    }
  }

  async #settle(
    command: PendingCommand,
    outcome: "delivered" | "refused" | "superseded",
    payload: JsonObject,
  ): Promise<void> {
    if (command.settled) return;
    this.#finish(command);
    this.#counters[outcome] += 1;
    const written = command.effect.owed || command.parking !== "no" || outcome === "refused";
    if (written) {
      const { to, id, trace } = command;
      await this.#results.settle(to, id, outcome, payload, trace);
    }
    this.#release(command);
  }

  async #park(command: PendingCommand): Promise<void> {
    if (command.settled || command.parking !== "no" || this.#stopped) return;
    command.parking = "asked";
    this.#counters.parked += 1;
    await this.#results.park(command.to, command.id, command.effect, command.trace);
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
    command.ticket?.done();
    command.ticket = undefined;
  }

  // ---- ends

  /** Forgets what belongs to a partition that is another's now. */
  forget(partition: number): void {
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

/** A payload as the device gets it. */
function encode({ payload, format }: CommandEffect): Buffer {
  if (format === "bytes") return Buffer.from(String(payload), "base64");
  if (format === "text") return Buffer.from(textOf(payload));
  return Buffer.from(payload === null ? "" : JSON.stringify(payload));
}

function textOf(payload: Json): string {
  return typeof payload === "string" ? payload : JSON.stringify(payload);
}

import type { CommandEffect } from "@millrace/shared/contract/effect";
import { type EffectId, type InstanceRef, logKey } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { Ticket } from "./progress.ts";

/** A command on its way: handed over, waiting for a subscriber, or put aside. */
export interface PendingCommand {
  readonly id: EffectId;
  readonly to: InstanceRef;
  readonly effect: CommandEffect;
  /** Partition of the journal that it came from. */
  readonly partition: number;
  /** Offset of its step, or of the last record that said that it is put aside. */
  readonly offset: number;
  readonly trace: string | undefined;
  /** The time of the log that it came from. */
  readonly logNow: () => EpochMs;
  /** What the bookmark waits for; undefined once the effect is parked or done. */
  ticket: Ticket | undefined;
  parking: "no" | "asked" | "parked";
  /** Whether its ticket waits for the journal. */
  waits: boolean;
  settled: boolean;
  /** Whether it is with a gateway now. */
  handedOver: boolean;
  cancelTimers: (() => void)[];
}

/** The commands under way in one process, found by what can happen to them. */
export class PendingCommands {
  readonly #all = new Map<EffectId, PendingCommand>();
  /** By the key that the records of their instances have in the journal. */
  readonly #byKey = new Map<string, Set<PendingCommand>>();

  get size(): number {
    return this.#all.size;
  }

  has(id: EffectId): boolean {
    return this.#all.has(id);
  }

  get(id: string): PendingCommand | undefined {
    return this.#all.get(id as EffectId);
  }

  add(command: PendingCommand): void {
    this.#all.set(command.id, command);
    const key = logKey(command.to.ns, command.to.key);
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, new Set([command]));
    else known.add(command);
  }

  delete(command: PendingCommand): void {
    this.#all.delete(command.id);
    const key = logKey(command.to.ns, command.to.key);
    const known = this.#byKey.get(key);
    known?.delete(command);
    if (known?.size === 0) this.#byKey.delete(key);
  }

  hasKey(key: string): boolean {
    return this.#byKey.has(key);
  }

  of({ ns, flow, key }: InstanceRef): PendingCommand[] {
    const known = this.#byKey.get(logKey(ns, key)) ?? [];
    return [...known].filter((command) => command.to.flow === flow);
  }

  all(): PendingCommand[] {
    return [...this.#all.values()];
  }
}

import type { Effect, Outcome } from "@millrace/shared/contract/effect";
import type { Parked, Result } from "@millrace/shared/contract/event-record";
import type { JsonObject } from "@millrace/shared/contract/json";
import { type EffectId, type InstanceRef, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { EventsWriter } from "@millrace/shared/log/events-writer";

/** Writes what became of effects back into the `events` log, for the instances that asked for them. */
export class Results {
  readonly #writer: EventsWriter;
  readonly #partitions: number;

  constructor(writer: EventsWriter, partitions: number) {
    this.#writer = writer;
    this.#partitions = partitions;
  }

  /**
   * Resolves when the log has it.
   * @param again it may have been told before; the instance owes the effect since
   */
  async settle(
    to: InstanceRef,
    effect: EffectId,
    outcome: Exclude<Outcome, "expired">,
    payload: JsonObject,
    trace: string | undefined,
    again?: "again",
  ): Promise<void> {
    const header: Result = {
      v: 1,
      kind: "result",
      ...to,
      effect,
      outcome,
      ...(again && { again: true }),
      ...this.#writer.stamp(),
    };
    await this.#write(to, trace === undefined ? header : { ...header, trace }, payload);
  }

  /** Asks the instance to keep an effect that takes long. */
  async park(
    to: InstanceRef,
    effect: EffectId,
    content: Effect,
    trace: string | undefined,
  ): Promise<void> {
    const header: Parked = { v: 1, kind: "parked", ...to, effect, ...this.#writer.stamp() };
    await this.#write(to, trace === undefined ? header : { ...header, trace }, content);
  }

  async #write(to: InstanceRef, header: Result | Parked, payload: object): Promise<void> {
    const key = logKey(to.ns, to.key);
    const record = { key, header: JSON.stringify(header), value: JSON.stringify(payload) };
    await this.#writer.write(partitionOf(key, this.#partitions), record, header.trace);
  }
}

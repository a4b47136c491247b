import type { CommandOutcome } from "@millrace/shared/peer/gateways";

/**
 * Which effects this gateway has delivered or is delivering.
 *
 *   L1 a repeat of what is remembered, or under way, is delivered to nobody and has the first one's outcome
 *   L2 only what was delivered is remembered: what nobody has, or everybody refused, was applied nowhere
 *      and may be tried again
 *
 * The least recently asked-for id goes first when there are more than `idsMax`.
 */
export class AppliedEffects {
  readonly #idsMax: number;
  readonly #delivered = new Map<string, CommandOutcome>();
  readonly #underWay = new Map<string, Promise<CommandOutcome>>();

  constructor(idsMax: number) {
    this.#idsMax = idsMax;
  }

  /** Runs `deliver` unless the effect is delivered or under way, and answers with its outcome. */
  once(id: string, deliver: () => Promise<CommandOutcome>): Promise<CommandOutcome> {
    const delivered = this.#delivered.get(id);
    if (delivered !== undefined) {
      this.#remember(id, delivered);
      return Promise.resolve(delivered);
    }
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) return underWay;
    const begun = this.#run(id, deliver());
    this.#underWay.set(id, begun);
    return begun;
  }

  async #run(id: string, delivery: Promise<CommandOutcome>): Promise<CommandOutcome> {
    try {
      const outcome = await delivery;
      if (outcome.outcome === "delivered") this.#remember(id, outcome);
      return outcome;
    } finally {
      this.#underWay.delete(id);
    }
  }

  #remember(id: string, outcome: CommandOutcome): void {
    this.#delivered.delete(id);
    this.#delivered.set(id, outcome);
    if (this.#delivered.size <= this.#idsMax) return;
    for (const oldest of this.#delivered.keys()) {
      this.#delivered.delete(oldest);
      return;
    }
  }
}

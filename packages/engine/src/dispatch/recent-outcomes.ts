import type { Outcome } from "@millrace/shared/contract/effect";
import type { EffectId } from "@millrace/shared/contract/names";

/** More than a process carries out while a request to put one of them aside may still be on its way. */
const IDS_MAX = 100_000;

export type EndOfEffect = Exclude<Outcome, "expired">;

/** How the latest effects of a process ended. */
export class RecentOutcomes {
  readonly #outcomes = new Map<EffectId, EndOfEffect>();

  get(id: EffectId): EndOfEffect | undefined {
    return this.#outcomes.get(id);
  }

  set(id: EffectId, outcome: EndOfEffect): void {
    this.#outcomes.set(id, outcome);
    if (this.#outcomes.size <= IDS_MAX) return;
    for (const oldest of this.#outcomes.keys()) {
      this.#outcomes.delete(oldest);
      return;
    }
  }
}

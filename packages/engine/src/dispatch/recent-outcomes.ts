import type { EffectId } from "@millrace/shared/contract/names";

/** More than a process carries out while a request to put one of them aside may still be on its way. */
const IDS_MAX = 100_000;

export type EndOfCommand = "delivered" | "refused" | "superseded";

/** How the latest commands of a process ended. */
export class RecentOutcomes {
  readonly #outcomes = new Map<EffectId, EndOfCommand>();

  get(id: EffectId): EndOfCommand | undefined {
    return this.#outcomes.get(id);
  }

  set(id: EffectId, outcome: EndOfCommand): void {
    this.#outcomes.set(id, outcome);
    if (this.#outcomes.size <= IDS_MAX) return;
    for (const oldest of this.#outcomes.keys()) {
      this.#outcomes.delete(oldest);
      return;
    }
  }
}

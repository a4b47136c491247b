/**
 * What a step may cost.
 *
 * An expression can ask for far more than it is long: lists within lists, texts that double, patterns
 * over long texts. What it costs is therefore counted as it is worked out, in units of about 50 ns, a
 * node of an expression's tree being one. It is counted and not timed, so that one input has one answer.
 */
const UNITS_PER_STEP = 1_000_000;

/** One step's budget, or that of one reading of a record; all their expressions spend of it. */
export class Budget {
  #left = UNITS_PER_STEP;

  /** Whether more was asked for than there was: what was worked out since is no answer. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** Begins a new step. */
  renew(): void {
    this.#left = UNITS_PER_STEP;
  }

  /** Takes note of work that is about to be done. @throws when there is no budget for it */
  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw spent;
  }
}

/** Thrown often where CEL passes over errors: made once, for its stack would cost the most. */
const spent = new Error("the budget of the step is spent");

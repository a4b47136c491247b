import type { Clock } from "@millrace/shared/ports/clock";

/** A partition whose append takes longer than that holds up the timers of others no more. */
const PATIENCE_MS = 50;

/**
 * Turns of timers alone, one after the other over all partitions of a process, each until it is in the
 * journal: where thousands are due at once, an event waits for one of them, and not for one of each partition.
 */
export class TimerTurns {
  readonly #clock: Clock;
  #turn = 0;
  #beganMs = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];
  #cancelAlarm: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFree(): boolean {
    return this.#clock.monotonicMs() - this.#beganMs >= PATIENCE_MS;
  }

  async take(work: () => Promise<void>): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#beganMs = this.#clock.monotonicMs();
    try {
      await work();
    } finally {
      if (turn === this.#turn) this.#free();
    }
  }

  /** Calls once the next one may be taken, in the order in which they wait. */
  whenFree(call: () => void): void {
    this.#waiting.push(call);
    const leftMs = this.#beganMs + PATIENCE_MS - this.#clock.monotonicMs();
    this.#cancelAlarm ??= this.#clock.after(leftMs, () => this.#free());
  }

  #free(): void {
    this.#beganMs = Number.NEGATIVE_INFINITY;
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call();
  }
}

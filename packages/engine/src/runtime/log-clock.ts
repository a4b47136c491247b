import type { EpochMs } from "@millrace/shared/contract/time";
import type { Clock } from "@millrace/shared/ports/clock";

/**
 * The log's time, as one partition's owner knows it: learnt from each append, carried on by this
 * machine's monotonic clock. It never runs back, and a wrong wall clock here means nothing.
 */
export class LogClock {
  readonly #clock: Clock;
  #learnt: EpochMs;
  #learntAt: number;
  #last: EpochMs;

  constructor(clock: Clock, time: EpochMs) {
    this.#clock = clock;
    this.#learnt = time;
    this.#learntAt = clock.monotonicMs();
    this.#last = time;
  }

  learn(time: EpochMs): void {
    this.#learnt = time;
    this.#learntAt = this.#clock.monotonicMs();
  }

  now(): EpochMs {
    this.#last = Math.max(this.#last, this.at(this.#clock.monotonicMs()));
    return this.#last;
  }

  /** The log time of a moment on the monotonic clock, whole ms. */
  at(monotonicMs: number): EpochMs {
    return Math.floor(this.#learnt + monotonicMs - this.#learntAt);
  }
}

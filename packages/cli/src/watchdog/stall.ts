/** A check that comes later than this many of its intervals says that the checks themselves were held up. */
const LATE_CHECKS_MAX = 4;

/**
 * Counts for how long ticks have not come, by checks at an interval.
 *
 * Time in which nobody checked does not count: a process that was stopped, or a machine that slept, wakes
 * with all its threads, and the one that ticks may be the last of them.
 */
export class Stall {
  readonly #checkMs: number;
  #ticks: number;
  #checkedAtMs: number;
  #ms = 0;

  /** @param checkMs the interval of the checks */
  constructor(checkMs: number, ticks: number, nowMs: number) {
    this.#checkMs = checkMs;
    this.#ticks = ticks;
    this.#checkedAtMs = nowMs;
  }

  /** @returns milliseconds in which no tick came, and checks did */
  check(ticks: number, nowMs: number): number {
    const sinceMs = nowMs - this.#checkedAtMs;
    this.#checkedAtMs = nowMs;
    const countsOn = ticks === this.#ticks && sinceMs <= this.#checkMs * LATE_CHECKS_MAX;
    this.#ticks = ticks;
    this.#ms = countsOn ? this.#ms + sinceMs : 0;
    return this.#ms;
  }
}

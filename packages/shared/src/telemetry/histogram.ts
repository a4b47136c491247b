import type { HistogramCounts } from "./observe.ts";

/** Seconds: from a millisecond to a minute, about three to a decade. */
const durationBounds = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
] as const;

/**
 * Counts durations by how long they took. It is asked for each step, so it is an array and a search
 * through a few numbers, and whoever exports metrics reads it.
 */
export class Histogram implements HistogramCounts {
  readonly bounds: readonly number[] = durationBounds;
  readonly counts: number[] = new Array<number>(durationBounds.length + 1).fill(0);
  sum = 0;

  /** @param ms what is below 0, by clocks that differ, counts as 0 */
  observeMs(ms: number): void {
    const seconds = ms > 0 ? ms / 1_000 : 0;
    let i = 0;
    while (i < durationBounds.length && seconds > (durationBounds[i] as number)) i += 1;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.sum += seconds;
  }
}

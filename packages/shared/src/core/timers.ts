import type { Timer } from "../contract/instance.ts";

/**
 * Timers as XState's scheduler keeps them: one that takes the id of another does not replace it, both
 * fire; but `cancel` knows the last one only, and none once either of them has fired.
 */

export function setTimer(timers: readonly Timer[], timer: Timer): Timer[] {
  return [...loosen(timers, timer.id), timer];
}

export function cancelTimer(timers: readonly Timer[], id: string): Timer[] {
  return timers.filter((timer) => timer.id !== id || timer.loose);
}

/** What is left when one has fired. */
export function fireTimer(timers: readonly Timer[], fired: Timer): Timer[] {
  return loosen(
    timers.filter((timer) => timer !== fired),
    fired.id,
  );
}

function loosen(timers: readonly Timer[], id: string): Timer[] {
  return timers.map((timer) => (timer.id === id ? { ...timer, loose: true } : timer));
}

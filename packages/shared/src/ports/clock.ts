/** Time and chance of a process; the test world has its own, driven by a seed. */
export interface Clock {
  /** This machine's wall clock, ms. Only for logs and for names; decisions use the log's time. */
  wallMs(): number;
  /** Rises steadily, ms, from an arbitrary start. */
  monotonicMs(): number;
  /** Calls once after `ms`. @returns what cancels it */
  after(ms: number, call: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** Waits for work, but not for longer than that: then the work is left to itself. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<void>((resolve) => (cancel = clock.after(ms, resolve)));
  await Promise.race([work, late]).finally(() => cancel());
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** A short random name, unique among the processes of an installation. */
export function randomName(clock: Clock, prefix: string): string {
  const digits = Array.from({ length: 10 }, () => Math.floor(clock.random() * 36).toString(36));
  return `${prefix}-${digits.join("")}`;
}

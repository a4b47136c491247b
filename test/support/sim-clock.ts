import type { Clock } from "@millrace/shared/ports/clock";

/**
 * A clock that stands still until it is told to go on, from deadline to deadline, equal deadlines in
 * the order in which they were set. Chance comes from a seed.
 */
export class SimClock implements Clock {
  #now: number;
  #set = 0;
  #seed: number;
  readonly #timers = new Map<number, { at: number; call: () => void }>();

  constructor(seed: number, startMs = Date.UTC(2026, 0, 1)) {
    this.#seed = seed;
    this.#now = startMs;
  }

  wallMs(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  after(ms: number, call: () => void): () => void {
    this.#set += 1;
    const id = this.#set;
    this.#timers.set(id, { at: this.#now + Math.max(0, ms), call });
    return () => this.#timers.delete(id);
  }

  /** mulberry32. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Lets `ms` go by; everything due in between happens at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [id, { at, call }] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      call();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(end: number): [number, { at: number; call: () => void }] | undefined {
    let first: [number, { at: number; call: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].at > end) continue;
      if (first === undefined || entry[1].at < first[1].at) first = entry;
    }
    return first;
  }
}

/** Lets everything that waits for nothing but its turn happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Chance that can be had again from its seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32. @returns from 0 to below 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  pick<T>(all: readonly T[]): T {
    const found = all[Math.floor(this.next() * all.length)];
    if (found === undefined) throw new RangeError("nothing to pick from");
    return found;
  }

  /** @returns all of them without end; each comes once before any comes again */
  *deck<T>(all: readonly T[]): Generator<T, never> {
    for (;;) {
      const left = [...all];
      while (left.length > 0) {
        const [next] = left.splice(Math.floor(this.next() * left.length), 1);
        if (next !== undefined) yield next;
      }
    }
  }
}

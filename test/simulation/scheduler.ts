interface Entry {
  readonly at: number;
  /** Among entries of one moment. */
  readonly rank: number;
  readonly call: () => void;
  cancelled: boolean;
}

/**
 * Virtual time and chance of one simulation: everything that happens is an entry here, and the seed
 * decides which of two that are due at the same moment comes first.
 */
export class Scheduler {
  /** Milliseconds, whole; the log's clock shows it. */
  now = Date.UTC(2026, 0, 1);
  /** How many entries have happened. */
  ran = 0;
  readonly #heap: Entry[] = [];
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** mulberry32. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  chance(rate: number): boolean {
    return rate > 0 && this.random() < rate;
  }

  /** A whole number, `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  pick<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.random() * of.length)];
  }

  after(ms: number, call: () => void): () => void {
    return this.at(this.now + ms, call);
  }

  /** @returns what cancels it */
  at(time: number, call: () => void): () => void {
    const entry = { at: Math.max(this.now, Math.ceil(time)), rank: this.random(), call } as Entry;
    entry.cancelled = false;
    this.#push(entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** Lets what is due by `until` happen, one after the other, each with all that comes of it at once. */
  async run(until: number): Promise<void> {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || first.at > until) break;
      this.#pop();
      if (first.cancelled) continue;
      this.now = first.at;
      this.ran += 1;
      first.call();
      await drained();
    }
    this.now = Math.max(this.now, until);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child += 1;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at === b.at ? a.rank < b.rank : a.at < b.at;
}

/** Everything that waits for nothing but its turn has happened. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import type { Instance } from "@millrace/shared/contract/instance";
import type { InstanceId } from "@millrace/shared/contract/names";

/** An instance in memory, perhaps ahead of the journal. */
export interface Cached {
  /** undefined where the store knows of none, and no step has begun one. */
  instance: Instance | undefined;
  /** Records about it that are decided and not yet committed to the store. */
  uncommitted: number;
}

/**
 * The instances of one partition that are in memory, the least recently used ones going first.
 *
 * Only what is committed may leave memory: a load answers with what the store has.
 */
export class InstanceCache {
  readonly #entries = new Map<InstanceId, Cached>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(id: InstanceId): boolean {
    return this.#entries.has(id);
  }

  /** @returns undefined for one that is not in memory */
  get(id: InstanceId): Cached | undefined {
    return this.#entries.get(id);
  }

  put(id: InstanceId, instance: Instance | undefined): Cached {
    const cached = { instance, uncommitted: 0 };
    this.#entries.set(id, cached);
    return cached;
  }

  /** Marks as used; its turn to leave comes after all others'. */
  touch(id: InstanceId, cached: Cached): void {
    if (this.#entries.size <= this.#max / 2) return; // far from full, order does not matter yet
    this.#entries.delete(id);
    this.#entries.set(id, cached);
  }

  /** Lets go of what is over the bound. @returns how many left */
  evict(): number {
    const over = this.#entries.size - this.#max;
    if (over <= 0) return 0;
    let left = 0;
    for (const [id, cached] of this.#entries) {
      if (left >= over) break;
      if (cached.uncommitted > 0) continue;
      this.#entries.delete(id);
      left += 1;
    }
    return left;
  }
}

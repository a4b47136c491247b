import { type Instance, nextDue } from "@millrace/shared/contract/instance";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";

/**
 * An instance in memory, perhaps ahead of the journal.
 *
 * One that is seldom heard of is kept as its JSON alone: of a hundred thousand instances as objects, half
 * of the engine's time went into the garbage collector (docs/benchmarks.md).
 */
export class Cached {
  readonly id: InstanceId;
  /** Whether a commit of this ownership holds it, so that the store looks it up as we do. */
  indexed = false;
  #instance: Instance | undefined;
  #json: string | undefined;
  #due: EpochMs | undefined;
  #uses = 0;
  #uncommitted = 0;
  readonly #uncommittedOnes: Set<Cached>;

  /**
   * @param json undefined where the store knows of none, and no step has begun one
   * @param uncommittedOnes where it stands while it is ahead of the store
   */
  constructor(id: InstanceId, json: string | undefined, uncommittedOnes: Set<Cached>) {
    this.id = id;
    this.#json = json;
    this.#uncommittedOnes = uncommittedOnes;
    if (json !== undefined) this.#due = nextDue(this.instance as Instance);
  }

  get instance(): Instance | undefined {
    if (this.#json !== undefined) this.#instance ??= JSON.parse(this.#json) as Instance;
    return this.#instance;
  }

  /** When the next of its timers is due. */
  get due(): EpochMs | undefined {
    return this.#due;
  }

  /** Records about it that are decided and not yet committed to the store. */
  get uncommitted(): number {
    return this.#uncommitted;
  }

  committed(records: number): void {
    this.#uncommitted -= records;
    if (this.#uncommitted === 0) this.#uncommittedOnes.delete(this);
  }

  /** @param json the instance, encoded */
  change(instance: Instance, json: string): void {
    this.#instance = instance;
    this.#json = json;
    this.#due = nextDue(instance);
    this.#uncommitted += 1;
    this.#uncommittedOnes.add(this);
  }

  /** Called for each input of a turn. @returns whether it is the turn's first for this one */
  use(): boolean {
    this.#uses += 1;
    return this.#uses === 1;
  }

  /** The turn is over: one with a single input in it is kept as JSON until it is heard of again. */
  rest(): void {
    if (this.#uses < 2) this.#instance = undefined;
    this.#uses = 0;
  }
}

/**
 * The instances of one partition that are in memory, the least recently used ones going first.
 *
 * Only what is committed may leave memory: a load answers with what the store has.
 */
export class InstanceCache {
  readonly #entries = new Map<InstanceId, Cached>();
  readonly #uncommitted = new Set<Cached>();
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

  /** @param json what the store has of it */
  put(id: InstanceId, json: string | undefined): Cached {
    const cached = new Cached(id, json, this.#uncommitted);
    this.#entries.set(id, cached);
    return cached;
  }

  /** What the store held of it is gone: the next commit cannot say what it looked it up by. */
  forgetIndex(id: InstanceId): void {
    const cached = this.#entries.get(id);
    if (cached !== undefined) cached.indexed = false;
  }

  /** Marks as used; its turn to leave comes after all others'. */
  touch(id: InstanceId, cached: Cached): void {
    if (this.#entries.size <= this.#max / 2) return; // far from full, order does not matter yet
    this.#entries.delete(id);
    this.#entries.set(id, cached);
  }

  /** What is ahead of the store: decided, and perhaps not even in the journal yet. */
  get uncommitted(): Iterable<Cached> {
    return this.#uncommitted;
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

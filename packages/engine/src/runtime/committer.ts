import type { InstanceId } from "@millrace/shared/contract/names";
import type { Position } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { Clock } from "@millrace/shared/ports/clock";
import type {
  DuePage,
  DueRange,
  StateStore,
  StoredInstance,
  StoredRejection,
} from "@millrace/shared/ports/state-store";
import type { EngineCounters, EngineDurations } from "./counters.ts";
import type { Cached } from "./instance-cache.ts";
import type { EngineOptions } from "./options.ts";

/**
 * Lets the store catch up with the journal: at most `commitMs` or `commitStepsMax` steps behind, an
 * instance touched forty times written once.
 *
 * Owns what is appended but not yet in the store. Invariants:
 *   S1 a commit holds only what the journal has acknowledged, input position and stamps included;
 *   S2 one commit is under way at a time, from the position that the last one left;
 *   S3 an instance is counted as committed only when the store has answered.
 */
interface Dirty {
  readonly stored: StoredInstance;
  readonly cached: Cached;
  /** Journal records that the commit will cover. */
  readonly records: number;
}

export interface CommitterHost {
  readonly partition: number;
  readonly epoch: number;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly options: EngineOptions;
  readonly counters: EngineCounters;
  readonly durations: EngineDurations;
  /** Moves the window of timers in memory on; from now on it takes what is due up to its new end. */
  moveWindow(): DueRange;
  took(page: DuePage): void;
  /** The store will not have this one any more. */
  dropped(id: InstanceId): void;
  failed(error: unknown): void;
}

/** A commit that fails ends the ownership: the one after it finds in the store what this one says. */
function sent({ stored, cached }: Dirty): StoredInstance {
  if (cached.indexed) return stored;
  cached.indexed = true;
  return { ...stored, was: undefined };
}

export class Committer {
  readonly #host: CommitterHost;
  #dirty = new Map<InstanceId, Dirty>();
  #rejections: StoredRejection[] = [];
  #dropped = new Set<InstanceId>();
  #steps = 0;
  /** Where the last commit sent, or the store as claimed, stands. */
  #sent: Bookmark;
  #journal: Bookmark;
  #input: Position;
  #busy = false;
  #stopped = false;
  #cancelTimer: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor(host: CommitterHost, held: Bookmark, journal: Bookmark, input: Position) {
    this.#host = host;
    this.#sent = held;
    this.#journal = journal;
    this.#input = input;
  }

  /** Sees to it that the store comes to hold the claim. */
  start(): void {
    this.#schedule();
  }

  /** What the store will hold when it has done all that was sent to it: what a load must find. */
  get sent(): Bookmark {
    return this.#sent;
  }

  get uncommitted(): number {
    return this.#dirty.size;
  }

  /** Takes note of what the journal has acknowledged. */
  add(
    changes: readonly Dirty[],
    rejections: readonly StoredRejection[],
    journal: Bookmark,
    input: Position,
  ): void {
    for (const change of changes) this.#addInstance(change);
    this.#rejections.push(...rejections);
    this.#journal = journal;
    this.#input = input;
    this.#schedule();
  }

  /** Ended instances that the store has no longer to hold. */
  drop(ids: Iterable<InstanceId>): void {
    for (const id of ids) {
      if (!this.#dirty.has(id)) this.#dropped.add(id);
    }
  }

  #addInstance({ stored, cached, records }: Dirty): void {
    this.#dropped.delete(stored.id);
    const known = this.#dirty.get(stored.id);
    const steps = known && !stored.begins ? [...known.stored.steps, ...stored.steps] : stored.steps;
    const begins = stored.begins || known?.stored.begins === true;
    const { was } = known === undefined ? stored : known.stored;
    this.#dirty.set(stored.id, {
      stored: { ...stored, was, steps, begins },
      cached,
      records: records + (known?.records ?? 0),
    });
    this.#steps += stored.steps.length;
  }

  #schedule(): void {
    if (this.#busy || this.#stopped || this.#journal.offset === this.#sent.offset) return;
    if (this.#steps >= this.#host.options.commitStepsMax) {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      void this.#commit();
      return;
    }
    this.#cancelTimer ??= this.#host.clock.after(this.#host.options.commitMs, () => {
      this.#cancelTimer = undefined;
      void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    const { store, partition, epoch, counters, clock, durations } = this.#host;
    const batch = this.#dirty;
    const change = {
      from: this.#sent,
      to: this.#journal,
      input: this.#input,
      instances: Array.from(batch.values(), sent),
      rejections: this.#rejections,
      dropped: [...this.#dropped],
      due: this.#host.moveWindow(),
    };
    for (const id of this.#dropped) this.#host.dropped(id);
    this.#dropped = new Set();
    this.#dirty = new Map();
    this.#rejections = [];
    this.#steps = 0;
    this.#sent = change.to;
    this.#busy = true;
    const sentMs = clock.monotonicMs();
    try {
      const page = await store.commit(partition, epoch, change);
      if (this.#stopped) return;
      durations.commit.observeMs(clock.monotonicMs() - sentMs);
      counters.commits += 1;
      counters.committedInstances += batch.size;
      for (const { cached, records } of batch.values()) cached.committed(records);
      this.#host.took(page);
    } catch (error) {
      if (!this.#stopped) this.#host.failed(error);
    } finally {
      this.#busy = false;
      this.#schedule();
      this.#settle();
    }
  }

  /** Commits what there is, and resolves when all of it is in the store or it has failed. */
  async flush(): Promise<void> {
    while (!this.#stopped && (this.#busy || this.#journal.offset !== this.#sent.offset)) {
      if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
      else await this.#commit();
    }
  }

  #settle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#settle();
  }
}

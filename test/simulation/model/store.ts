import type { Position } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import { blankFold, type Folded } from "./fold.ts";
import type { Instance } from "./instance.ts";
import type { Rules } from "./rules.ts";

/** The fold of one journal partition, as the store has it. */
export interface Stored extends Folded {
  /** The newest claim that it was told of. */
  readonly epoch: number;
  /** While it is being rebuilt: the claim up to which it has to come. */
  readonly until: number;
}

export interface Commit {
  readonly epoch: number;
  readonly from: Bookmark;
  readonly to: Bookmark;
  readonly position: Position;
  readonly instances: ReadonlyMap<string, Instance>;
  /** Ended instances that are not kept any longer. */
  readonly drops: ReadonlySet<string>;
}

const blank: Stored = { ...blankFold, epoch: -1, until: -1 };

export class Store {
  readonly #rules: Rules;
  /** Every state it ever had, to be set back to. */
  readonly #dumps: Stored[] = [blank];
  now: Stored = blank;
  /** A commit whose answer got lost: the client sends it again. */
  repeated: Commit | undefined;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get isBlank(): boolean {
    return this.now.bookmark.offset === 0;
  }

  get isBeingRebuilt(): boolean {
    return this.now.bookmark.offset <= this.now.until;
  }

  wipe(): void {
    this.now = blank;
  }

  /** @param back how many states ago */
  rewind(back: number): void {
    this.now = this.#dumps[Math.max(0, this.#dumps.length - 1 - back)] ?? blank;
  }

  /** @returns false when it knows a newer claim */
  claim(epoch: number): boolean {
    if (this.now.epoch > epoch) return false;
    this.#become({ ...this.now, epoch });
    return true;
  }

  /** Forgets all that it holds; the fold goes on from a floor. @returns false as above */
  restart(epoch: number, bookmark: Bookmark, position: Position): boolean {
    if (this.now.epoch > epoch) return false;
    const instances = this.#rules.restartForgets ? blankFold.instances : this.now.instances;
    this.#become({ epoch, until: epoch, bookmark, position, instances });
    return true;
  }

  /** @returns false when it knows a newer claim, or holds another position than the commit builds on */
  commit(change: Commit): boolean {
    const { epoch, from, to, position } = change;
    const { offset: held } = this.now.bookmark;
    const inRange = from.offset <= held && held <= to.offset;
    const { commitsCheck } = this.#rules;
    if (commitsCheck !== "nothing" && this.now.epoch > epoch) return false;
    if (commitsCheck === "range" && !inRange) return false;
    const instances = new Map(this.now.instances);
    for (const key of change.drops) instances.delete(key);
    for (const [key, instance] of change.instances) instances.set(key, instance);
    this.#become({ epoch, until: this.now.until, bookmark: to, position, instances });
    return true;
  }

  #become(stored: Stored): void {
    this.now = stored;
    this.#dumps.push(stored);
  }
}

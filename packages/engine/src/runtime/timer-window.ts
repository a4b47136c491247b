import type { InstanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { DuePage, DueRange } from "@millrace/shared/ports/state-store";
import type { Cached } from "./instance-cache.ts";
import { TimerHeap } from "./timer-heap.ts";

/**
 * The timers of a partition that are due soon, in memory; those due later are in the store alone, so
 * that a million of them cost memory only there.
 *
 * Invariant: every instance with a timer due within the window is in the heap, once the store has
 * answered. The window's end moves when the store is asked, not when it answers: what is decided in between is either reminded of under
 * the new end, or in the store before the answer is made (review of the protocol, C8).
 */
export class TimerWindow {
  readonly #heap = new TimerHeap();
  readonly #ms: number;
  #end: EpochMs = -1;

  /** @param ms how far ahead the window reaches */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Instances with a timer in memory, and those of them whose timer is due by then. */
  count(by: EpochMs): { readonly pending: number; readonly due: number } {
    return { pending: this.#heap.size, due: this.#heap.countDue(by) };
  }

  /** Moves the end on. @returns what the store is to be asked for */
  move(now: EpochMs): DueRange {
    const after = this.#end;
    this.#end = Math.max(after, now + this.#ms);
    return { after, by: this.#end };
  }

  /** Takes the store's answer; a page that was cut short moves the end back to where it is complete. */
  took(page: DuePage, cached: (id: InstanceId) => Cached | undefined): void {
    this.#end = Math.min(this.#end, page.until);
    for (const { id, at } of page.due) {
      const known = cached(id);
      const due = known === undefined ? at : known.due;
      if (due !== undefined) this.#heap.set(id, due);
    }
  }

  remind(id: InstanceId, due: EpochMs | undefined): void {
    if (due !== undefined && due <= this.#end) this.#heap.set(id, due);
  }

  /** An instance that could not be looked at yet: again at its time, wherever the window ends. */
  putBack(id: InstanceId, due: EpochMs): void {
    this.#heap.set(id, due);
  }

  next(): EpochMs | undefined {
    return this.#heap.next();
  }

  take(by: EpochMs): InstanceId | undefined {
    return this.#heap.take(by);
  }

  due(by: EpochMs, max: number): InstanceId[] {
    return this.#heap.due(by, max);
  }
}

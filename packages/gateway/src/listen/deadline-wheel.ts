import type { Clock } from "@millrace/shared/ports/clock";

/** Something that is to be looked at when its time has come. */
export interface Timed {
  /** Kept by the wheel. */
  slot: number | undefined;
  /** Called once; what wants to be looked at again sets itself again. */
  due(nowMs: number): void;
}

/** How late a deadline may be noticed. */
const SLOT_MS = 250;

/**
 * The deadlines of all connections under one timer.
 *
 * A keep-alive is not moved with each packet: it is looked at when it may have run out, and set anew
 * from the time of the last packet. 100,000 connections at 60 s are 1,100 looks a second.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots = new Map<number, Set<Timed>>();
  #turned: number;
  #cancel: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turned = Math.floor(clock.monotonicMs() / SLOT_MS);
    this.#cancel = clock.after(SLOT_MS, this.#turn);
  }

  /** @param atMs by the clock's monotonic time; never noticed before it */
  set(item: Timed, atMs: number): void {
    this.remove(item);
    const slot = Math.max(Math.ceil(atMs / SLOT_MS), this.#turned + 1);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, new Set([item]));
    else items.add(item);
    item.slot = slot;
  }

  remove(item: Timed): void {
    if (item.slot === undefined) return;
    const items = this.#slots.get(item.slot);
    items?.delete(item);
    if (items?.size === 0) this.#slots.delete(item.slot);
    item.slot = undefined;
  }

  stop(): void {
    this.#cancel();
  }

  readonly #turn = (): void => {
    this.#cancel = this.#clock.after(SLOT_MS, this.#turn);
    const nowMs = this.#clock.monotonicMs();
    for (const until = Math.floor(nowMs / SLOT_MS); this.#turned < until; ) {
      const slot = ++this.#turned;
      const items = this.#slots.get(slot);
      this.#slots.delete(slot);
      for (const item of items ?? []) {
        item.slot = undefined;
        item.due(nowMs);
      }
    }
  };
}

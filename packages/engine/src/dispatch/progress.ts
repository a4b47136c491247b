import type { Bookmark } from "@millrace/shared/contract/reader";

/** One record's effects, of which some are still under way. */
export interface Ticket {
  /** One more of its effects is under way. */
  add(): void;
  /** One of them is done, or put aside. */
  done(): void;
}

/**
 * How far a partition of the journal is dispatched: below the bookmark, every effect is done or parked.
 */
export class Progress {
  readonly #open: { readonly before: Bookmark; pending: number }[] = [];
  #read: Bookmark;

  constructor(from: Bookmark) {
    this.#read = from;
  }

  /** The oldest record with effects under way, or the end of what was read. */
  get bookmark(): Bookmark {
    return this.#open[0]?.before ?? this.#read;
  }

  get underWay(): number {
    return this.#open.length;
  }

  /** Takes note that everything before this place was read. */
  read(to: Bookmark): void {
    this.#read = to;
  }

  /** Opens the record that is read next. @param before the bookmark that would read it again */
  open(before: Bookmark): Ticket {
    const entry = { before, pending: 0 };
    this.#open.push(entry);
    return {
      add: () => {
        entry.pending += 1;
      },
      done: () => {
        entry.pending -= 1;
        while (this.#open[0]?.pending === 0) this.#open.shift();
      },
    };
  }
}

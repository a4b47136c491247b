import type { Bookmark } from "@millrace/shared/contract/reader";

/** One record's effects, of which some are still under way. */
export interface Ticket {
  /** One more of its effects is under way. */
  add(): void;
  /** One of them waits for nothing but what the journal says of it further on. */
  waits(): void;
  /** One of them is done, or put aside. @param waited whether it was one that waits */
  done(waited: boolean): void;
}

interface Open {
  readonly before: Bookmark;
  pending: number;
  /** Of these, how many wait for the journal. */
  waiting: number;
}

/**
 * How far a partition of the journal is dispatched: below the bookmark, every effect is done or parked.
 */
export class Progress {
  readonly #open: Open[] = [];
  #underWay = 0;
  #read: Bookmark;

  constructor(from: Bookmark) {
    this.#read = from;
  }

  /** The oldest record with effects under way, or the end of what was read. */
  get bookmark(): Bookmark {
    return this.#open[0]?.before ?? this.#read;
  }

  /** Records with effects that are being carried out; those that wait for the journal alone are not. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Takes note that everything before this place was read. */
  read(to: Bookmark): void {
    this.#read = to;
  }

  /** Opens the record that is read next. @param before the bookmark that would read it again */
  open(before: Bookmark): Ticket {
    const entry = { before, pending: 0, waiting: 0 };
    this.#open.push(entry);
    return {
      add: () => this.#change(entry, 1, 0),
      waits: () => this.#change(entry, 0, 1),
      done: (waited) => {
        this.#change(entry, -1, waited ? -1 : 0);
        while (this.#open[0]?.pending === 0) this.#open.shift();
      },
    };
  }

  #change(entry: Open, pending: number, waiting: number): void {
    if (entry.pending > entry.waiting) this.#underWay -= 1;
    entry.pending += pending;
    entry.waiting += waiting;
    if (entry.pending > entry.waiting) this.#underWay += 1;
  }
}

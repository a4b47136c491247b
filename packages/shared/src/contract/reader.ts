import { assert } from "../errors/assert.ts";
import { OperationalError } from "../errors/operational.ts";
import type { JournalHeader } from "./journal-record.ts";

/**
 * The reader's rule: which records of a journal count.
 *
 * Owns one reader's bookmark; every reader of the journal (owner, dispatcher, history) uses this and
 * nothing else. Invariants:
 *   R1 a record counts if its epoch is the offset of the last claim before it and its n the next one;
 *   R2 a lower n is a repeat, and void; a higher one means that the log lost data, and stops the reader;
 *   R3 all else is void, for every reader, for ever: it depends only on what stands before a record.
 */
export interface Bookmark {
  /** Offset of the next record to read. */
  readonly offset: number;
  /** Offset of the last claim read, -1 before the first. */
  readonly epoch: number;
  /** n of the last record that counted. */
  readonly n: number;
}

export const startBookmark: Bookmark = { offset: 0, epoch: -1, n: 0 };

export type Reading = "claim" | "counts" | "void" | "gap";

/** What a reader that found a gap has to say (R2). */
export function gapError(partition: number, offset: number): OperationalError<"LOG-005"> {
  return new OperationalError(
    "LOG-005",
    { topic: "journal", partition, offset },
    `journal/${partition}: records are missing before ${offset}`,
  );
}

export class JournalReader {
  #offset: number;
  #epoch: number;
  #n: number;

  constructor(from: Bookmark = startBookmark) {
    this.#offset = from.offset;
    this.#epoch = from.epoch;
    this.#n = from.n;
  }

  get bookmark(): Bookmark {
    return { offset: this.#offset, epoch: this.#epoch, n: this.#n };
  }

  get offset(): number {
    return this.#offset;
  }

  /** Takes the record at `offset`; records must come in order, void and foreign ones included. */
  read(offset: number, header: JournalHeader | undefined): Reading {
    assert(offset >= this.#offset, "journal records are read in order");
    this.#offset = offset + 1;
    if (header === undefined) return "void";
    if (header.kind === "claim") {
      this.#epoch = offset;
      this.#n = 0;
      return "claim";
    }
    if (header.e !== this.#epoch || header.n <= this.#n) return "void";
    if (header.n > this.#n + 1) return "gap";
    this.#n = header.n;
    return "counts";
  }
}

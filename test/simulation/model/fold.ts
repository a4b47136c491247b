import {
  movePosition,
  type Position,
  type PositionChange,
  startPosition,
  WRITER_SILENT_MS_MAX,
} from "@millrace/shared/contract/position";
import {
  type Bookmark,
  JournalReader,
  type Reading,
  startBookmark,
} from "@millrace/shared/contract/reader";
import { assert } from "@millrace/shared/errors/assert";
import type { Instance } from "./instance.ts";
import type { JournalRecord, Log } from "./records.ts";
import type { Rules } from "./rules.ts";

/** A journal folded up to a bookmark. */
export interface Folded {
  readonly bookmark: Bookmark;
  readonly position: Position;
  readonly instances: ReadonlyMap<string, Instance>;
}

export const blankFold: Folded = {
  bookmark: startBookmark,
  position: startPosition,
  instances: new Map(),
};

/** Reads a stretch of a journal into instances and a position. */
export class Fold {
  readonly #rules: Rules;
  readonly #reader: Reader;
  readonly #instances: Map<string, Instance>;
  #position: Position;
  /** Instances that changed since `drain`. */
  #changed = new Map<string, Instance>();

  constructor(from: Folded, rules: Rules) {
    this.#rules = rules;
    this.#reader = readerFrom(from.bookmark, rules);
    this.#instances = new Map(from.instances);
    this.#position = from.position;
  }

  get bookmark(): Bookmark {
    return this.#reader.bookmark;
  }

  get position(): Position {
    return this.#position;
  }

  get instances(): ReadonlyMap<string, Instance> {
    return this.#instances;
  }

  take(offset: number, record: JournalRecord): Reading {
    const reading = this.#reader.read(offset, record);
    if (reading !== "counts") return reading;
    const { instance, checkpoint, pos } = record;
    if (instance !== undefined) {
      this.#instances.set(instance.key, instance);
      this.#changed.set(instance.key, instance);
    }
    if (checkpoint !== undefined) this.#position = checkpoint.position;
    if (pos !== undefined) this.#position = moved(this.#position, pos, this.#rules);
    return reading;
  }

  drain(): ReadonlyMap<string, Instance> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }
}

/** Moves a position, as every fold does. */
export function moved(from: Position, change: PositionChange, rules: Rules): Position {
  const to = movePosition(from, change);
  if (rules.logWritersKept) return to;
  const stamps = [...to.stamps].filter(([, { time }]) => time >= to.time - WRITER_SILENT_MS_MAX);
  return { ...to, stamps: new Map(stamps) };
}

/** The bookmark that reads a record as the next one that counts. */
export function bookmarkAt(journal: Log<JournalRecord>, offset: number): Bookmark {
  const { e, n } = journal.at(offset) ?? {};
  assert(e !== undefined && n !== undefined, "only what its owner appended is read from");
  return { offset, epoch: e, n: n - 1 };
}

export interface Reader {
  readonly bookmark: Bookmark;
  readonly offset: number;
  read(offset: number, record: JournalRecord): Reading;
}

/** The reader's rule: the product's own, unless epochs are counted by the store. */
export function readerFrom(from: Bookmark, rules: Rules): Reader {
  return rules.epoch === "offset of the claim" ? new JournalReader(from) : new CountReader(from);
}

/** What the rule would have to be if the store gave epochs out: the highest that was claimed counts. */
class CountReader implements Reader {
  bookmark: Bookmark;

  constructor(from: Bookmark) {
    this.bookmark = from;
  }

  get offset(): number {
    return this.bookmark.offset;
  }

  read(at: number, { kind, e = -1, n }: JournalRecord): Reading {
    const { epoch, n: last } = this.bookmark;
    const offset = at + 1;
    this.bookmark = { offset, epoch, n: last };
    if (kind === "claim") {
      if (e > epoch) this.bookmark = { offset, epoch: e, n: 0 };
      return "claim";
    }
    if (e !== epoch || n <= last) return "void";
    if (n > last + 1) return "gap";
    this.bookmark = { offset, epoch, n };
    return "counts";
  }
}

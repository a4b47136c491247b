import { type Bookmark, startBookmark } from "@millrace/shared/contract/reader";
import { bookmarkAt } from "./fold.ts";
import type { Checkpoint, JournalRecord, Log } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Floor {
  readonly offset: number;
  readonly checkpoint: Checkpoint;
}

/**
 * The newest floor that is named below an offset.
 *
 * A record whose offset is as far from its epoch as its n counts: all slots between hold records of that
 * epoch, in order. @returns undefined when none is named at or above the log's start
 */
export function findFloor(
  journal: Log<JournalRecord>,
  below: number,
  rules: Rules,
): Floor | undefined {
  for (let at = below - 1; at >= journal.start; at--) {
    const { e, n, floor } = journal.at(at) ?? {};
    if (floor === undefined || floor < journal.start) continue;
    if (rules.floorVerified && at - (e ?? at) !== n) continue;
    const found = floorAt(journal, floor);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @returns undefined where no checkpoint stands */
export function floorAt(journal: Log<JournalRecord>, offset: number): Floor | undefined {
  const { checkpoint } = journal.at(offset) ?? {};
  return checkpoint && { offset, checkpoint };
}

/**
 * Where a dispatcher begins without a bookmark, or with one below the log's start.
 *
 * @returns undefined when the log has been cut and no floor is found
 */
export function dispatchedSoFar(journal: Log<JournalRecord>, rules: Rules): Bookmark | undefined {
  const floor = findFloor(journal, journal.end, rules);
  const { start } = journal;
  if (floor === undefined) return start === 0 ? startBookmark : undefined;
  if (rules.lostBookmarkAt === "the floor") return bookmarkAt(journal, floor.offset);
  const { dispatched } = floor.checkpoint;
  return dispatched.offset < start ? bookmarkAt(journal, start) : dispatched;
}

/** The floors that the log still has, the newest last. */
export function floorsOf(floor: Floor | undefined, start: number): readonly number[] {
  if (floor === undefined) return [];
  return [...floor.checkpoint.floors, floor.offset].filter((offset) => offset >= start);
}

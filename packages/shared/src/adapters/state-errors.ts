import type { Bookmark } from "../contract/reader.ts";
import { OperationalError } from "../errors/operational.ts";

/** The refusals of a StateStore, worded alike by every adapter. */

export function writeBookmark({ offset, epoch, n }: Bookmark): string {
  return `${offset}/${epoch}/${n}`;
}

/** @throws Error for text that `writeBookmark` did not write */
export function readBookmark(text: string): Bookmark {
  const [offset, epoch, n] = text.split("/").map(Number);
  if (![offset, epoch, n].every(Number.isSafeInteger)) throw new Error(`not a bookmark: ${text}`);
  return { offset, epoch, n } as Bookmark;
}

export function newerClaim(
  partition: number,
  epoch: number,
  newerEpoch: number,
): OperationalError<"STATE-001"> {
  return new OperationalError(
    "STATE-001",
    { partition, epoch, newerEpoch },
    `partition ${partition} was claimed at ${newerEpoch}, after our claim at ${epoch}`,
  );
}

export function otherPosition(
  partition: number,
  expected: Bookmark,
  held: Bookmark | undefined,
): OperationalError<"STATE-002"> {
  const facts = {
    partition,
    expected: writeBookmark(expected),
    held: held === undefined ? "nothing" : writeBookmark(held),
  };
  return new OperationalError(
    "STATE-002",
    facts,
    `partition ${partition} stands at ${facts.held}, ${facts.expected} was expected; it was wiped or set back`,
  );
}

export function otherLog(expected: string, found: string): OperationalError<"STATE-004"> {
  return new OperationalError(
    "STATE-004",
    { expected, found },
    `it holds the fold of log ${found}, this is log ${expected}; empty it, or use another one`,
  );
}

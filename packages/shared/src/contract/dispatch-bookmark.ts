import type { Bookmark } from "./reader.ts";

/**
 * How far a partition's journal is dispatched, as the group of the dispatchers keeps it: the offset,
 * and the rest of the reader's bookmark as a note. The engine reads it, too, before it deletes.
 */

/** The group that shares the partitions of `journal` among dispatchers; on Kafka, `millrace-dispatch`. */
export const DISPATCH_GROUP = "dispatch";

export function writeDispatchNote({ epoch, n }: Bookmark): string {
  return `${epoch}/${n}`;
}

/** @returns undefined where there is none, or one that no version of ours wrote */
export function readDispatchBookmark(
  stored: { readonly offset: number; readonly note: string } | undefined,
): Bookmark | undefined {
  const [epoch, n] = (stored?.note ?? "").split("/").map(Number);
  if (stored === undefined || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(n))
    return undefined;
  return { offset: stored.offset, epoch: epoch as number, n: n as number };
}

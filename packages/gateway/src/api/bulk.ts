import { invalid } from "./problem.ts";

/** How many of a page something is for, and the cursor behind it. */
interface Counted {
  readonly count: number;
  readonly next?: string;
}

/**
 * Refuses to act on a page where there are more than `max` from it on, before any of it is done. The page
 * that is acted on is the one that was counted, so what begins to match meanwhile is never among it.
 *
 * @param from counts the page at a cursor
 * @throws OperationalError API-002
 */
export async function holdTo(
  max: number,
  page: Counted,
  from: (cursor: string) => Promise<Counted>,
): Promise<void> {
  let { count, next } = page;
  while (next !== undefined && count <= max) {
    const more = await from(next);
    count += more.count;
    next = more.next;
  }
  if (count <= max) return;
  const found = next === undefined ? `${count}` : `${count} at least`;
  throw invalid("max", `it is for ${found}, and ${max} is the most; nothing of this page was done`);
}

/** How many a page that is only counted has. */
export const COUNTED_PAGE = 500;

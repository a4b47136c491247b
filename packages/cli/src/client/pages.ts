import type { Client, Query } from "./client.ts";

const PAGE = 500;

/** What a listing has, up to a limit, page by page; `more` where it has others behind that. */
export async function listItems<T>(
  client: Client,
  path: string,
  query: Query,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly more: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.get<{ readonly items: readonly T[]; readonly next?: string }>(path, {
      ...query,
      limit: Math.min(PAGE, limit - items.length),
      cursor,
    });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < limit);
  return { items, more: cursor !== undefined };
}

/**
 * What is done to many, or only counted, page by page: each page is done when it comes.
 *
 * @param max held by the server: it does nothing of a page where there are more from it on
 */
export async function* doPages<T extends { readonly count: number; readonly next?: string }>(
  client: Client,
  path: string,
  body: object,
  max = Number.POSITIVE_INFINITY,
): AsyncGenerator<T> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page: T = await client.post(path, {
      ...body,
      limit: PAGE,
      cursor,
      ...(Number.isFinite(max) && { max: max - count }),
    });
    count += page.count;
    cursor = page.next;
    yield page;
  } while (cursor !== undefined);
}

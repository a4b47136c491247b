import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { startPosition } from "@millrace/shared/contract/position";
import { startBookmark } from "@millrace/shared/contract/reader";
import type {
  RejectionPage,
  RejectionQuery,
  StoredRejection,
} from "@millrace/shared/ports/state-store";
import { beforeAll, describe, expect, test } from "vitest";
import { searchRejections } from "./rejections.ts";

/** More than the store is asked for at a time, in two partitions. */
const COUNT = 1_300;

/** The nth of all, the oldest first; each is another second. */
const rejections = Array.from({ length: COUNT }, (_, n) => ({
  partition: n % 2,
  offset: n,
  at: n * 1_000,
  ns: "default",
  flow: n % 10 === 0 ? "lamp" : "room",
  key: `k${n % 7}`,
  thing: `t${n % 11}`,
  code: n % 13 === 0 ? ("schema" as const) : ("paused" as const),
  json: "{}",
}));

/** Counts how often it is asked. */
class CountingStore extends MemoryStateStore {
  asked = 0;

  override rejections(query: RejectionQuery): Promise<RejectionPage> {
    this.asked += 1;
    return super.rejections(query);
  }
}

let server: MemoryStateServer;

beforeAll(async () => {
  server = new MemoryStateServer();
  const store = new MemoryStateStore(server);
  for (const partition of [0, 1]) {
    await store.claim(partition, 0, "log");
    await store.commit(partition, 0, {
      from: startBookmark,
      to: { offset: COUNT, epoch: 0, n: COUNT },
      input: startPosition,
      instances: [],
      rejections: rejections.flatMap(({ partition: its, ...one }): StoredRejection[] =>
        its === partition ? [one] : [],
      ),
      due: { after: -1, by: -1 },
    });
  }
});

type Filter = Omit<Parameters<typeof searchRejections>[1], "ns" | "limit" | "cursor">;

/** The offsets of all that a search finds, page by page, in the order in which it finds them. */
async function found(filter: Filter, limit: number): Promise<number[]> {
  const store = new MemoryStateStore(server);
  const offsets: number[] = [];
  let cursor: string | undefined;
  do {
    const query = { ns: "default", limit, ...filter, ...(cursor !== undefined && { cursor }) };
    const page = await searchRejections(store, query);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    offsets.push(...page.items.map(({ offset }) => offset));
    cursor = page.next;
  } while (cursor !== undefined);
  return offsets;
}

const newestFirst = (isWanted: (one: (typeof rejections)[number]) => boolean): number[] =>
  rejections
    .filter(isWanted)
    .map(({ offset }) => offset)
    .toReversed();

describe("rejections are found", () => {
  test.each<[filter: Filter, isWanted: (one: (typeof rejections)[number]) => boolean]>([
    [{}, () => true],
    [{ flow: "lamp" }, ({ flow }) => flow === "lamp"],
    [{ code: "schema" }, ({ code }) => code === "schema"],
    [{ key: "k3" }, ({ key }) => key === "k3"],
    [{ thing: "t5" }, ({ thing }) => thing === "t5"],
    [{ until: 1_300_000 }, () => true], // a page of the store is exactly one of 500
    [{ since: 1_000_000 }, ({ at }) => at >= 1_000_000],
    [{ until: 1_000_000 }, ({ at }) => at < 1_000_000],
    [{ since: 200_000, until: 900_000 }, ({ at }) => at >= 200_000 && at < 900_000],
    [
      { flow: "lamp", key: "k3", code: "paused", thing: "t5", since: 1, until: 1e15 },
      (one) =>
        one.flow === "lamp" && one.key === "k3" && one.code === "paused" && one.thing === "t5",
    ],
    [{ code: "expression" }, () => false],
  ])("by %j, the newest first, on pages of any size", async (filter, isWanted) => {
    const wanted = newestFirst(isWanted);
    for (const limit of [7, 50, 500]) expect(await found(filter, limit)).toEqual(wanted);
  });

  test("with a cursor exactly where there are more: a last page that is full has none", async () => {
    const store = new MemoryStateStore(server);
    const search = { ns: "default", since: 1_290_000 };
    expect(await searchRejections(store, { ...search, limit: 10 })).not.toHaveProperty("next");
    expect(await searchRejections(store, { ...search, limit: 9 })).toMatchObject({
      next: "1291000/1/1291",
    });
  });

  test("without a look at those that are older than asked for", async () => {
    const store = new CountingStore(server);
    await searchRejections(store, { ns: "default", since: 1_290_000, limit: 50 });
    expect(store.asked).toBe(1);
    await searchRejections(store, { ns: "default", code: "expression", limit: 50 });
    expect(store.asked).toBe(1 + 3);
  });

  test("of the namespace alone", async () => {
    const store = new MemoryStateStore(server);
    expect((await searchRejections(store, { ns: "other", limit: 5, since: 0 })).items).toEqual([]);
  });
});

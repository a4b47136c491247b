import type { Instance } from "@millrace/shared/contract/instance";
import { encodePart, instanceId } from "@millrace/shared/contract/names";
import { type Position, startPosition } from "@millrace/shared/contract/position";
import { type Bookmark, startBookmark } from "@millrace/shared/contract/reader";
import { isOperational } from "@millrace/shared/errors/operational";
import type {
  InstanceIndex,
  PartitionChange,
  StateStore,
  StoredInstance,
  StoredRejection,
} from "@millrace/shared/ports/state-store";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

/** Attacks: I4 of position.ts; S2 of committer.ts. */

/** A store's server, and how to reach it as another process would. */
export interface StoreUnderTest {
  open(): Promise<StateStore>;
  /** Forgets everything, as FLUSHALL does. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
}

const LOG = "log-1";

/** What every StateStore promises. An adapter is done when this passes against the real thing. */
export function stateStoreSuite(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`StateStore kept by ${name}`, () => {
    let under: StoreUnderTest;
    let store: StateStore;

    beforeAll(async () => {
      under = await start();
      store = await under.open();
    });

    beforeEach(async () => {
      await under.wipe();
    });

    afterAll(async () => {
      await store?.close();
      await under?.stop();
    });

    /** Claims partition 0 at an epoch, from the start. */
    const claimed = async (epoch: number, partition = 0) => {
      await store.claim(partition, epoch, LOG);
      return at(epoch + 1, epoch, 0);
    };

    test("answers the first claim of a partition with the start of everything", async () => {
      expect(await store.claim(3, 0, LOG)).toEqual({
        journal: startBookmark,
        input: startPosition,
      });
    });

    test("answers a claim with the journal and input positions of the last commit", async () => {
      const journal = await claimed(10);
      const to = at(14, 10, 3);
      const input = positionOf(7, { "w-1": 5, "events/3": 99 });
      await store.commit(0, 10, change({ from: startBookmark, to, input }));
      expect(await store.claim(0, 20, LOG)).toEqual({ journal: to, input });
      expect(journal.offset).toBeLessThan(to.offset);
    });

    test("keeps partitions apart", async () => {
      await claimed(10, 1);
      await store.commit(1, 10, change({ to: at(12, 10, 1), instances: [stored("f", "k")] }));
      expect(await store.claim(2, 3, LOG)).toEqual({
        journal: startBookmark,
        input: startPosition,
      });
      expect(await store.load(2, [idOf("f", "k")], startBookmark)).toEqual(new Map());
    });

    test("loads in one go what was committed; what is absent is absent from the answer", async () => {
      await claimed(0);
      const to = at(3, 0, 2);
      const instances = [stored("f", "a"), stored("f", "b")];
      await store.commit(0, 0, change({ to, instances }));
      const found = await store.load(0, [idOf("f", "a"), idOf("f", "x"), idOf("f", "b")], to);
      expect([...found.keys()].sort()).toEqual([idOf("f", "a"), idOf("f", "b")]);
      expect(found.get(idOf("f", "a"))).toBe(instances[0]?.json);
    });

    test("fences the earlier claim of a partition", async () => {
      await claimed(10);
      await claimed(20);
      const error = await failure(store.commit(0, 10, change({ to: at(12, 10, 1) })));
      expect(isOperational(error, "STATE-001")).toBe(true);
      expect(isOperational(await failure(store.claim(0, 15, LOG)), "STATE-001")).toBe(true);
    });

    test("refuses a claim for another log", async () => {
      await claimed(10);
      const error = await failure(store.claim(0, 20, "log-2"));
      expect(isOperational(error, "STATE-004")).toBe(true);
    });

    test("refuses a commit that begins beyond what it holds", async () => {
      await claimed(0);
      const late = change({ from: at(5, 0, 4), to: at(9, 0, 8), instances: [stored("f", "k")] });
      expect(isOperational(await failure(store.commit(0, 0, late)), "STATE-002")).toBe(true);
      expect(await store.load(0, [idOf("f", "k")], startBookmark)).toEqual(new Map());
    });

    test("refuses a commit that ends before what it holds", async () => {
      await claimed(0);
      await store.commit(0, 0, change({ to: at(9, 0, 8) }));
      const old = change({ from: startBookmark, to: at(5, 0, 4) });
      expect(isOperational(await failure(store.commit(0, 0, old)), "STATE-002")).toBe(true);
    });

    test("takes the repeat of a commit as it took the first", async () => {
      await claimed(0);
      const once = change({ to: at(4, 0, 3), instances: [stored("f", "k", { steps: [1, 2, 3] })] });
      await store.commit(0, 0, once);
      await store.commit(0, 0, once);
      expect(await store.history(0, idOf("f", "k"))).toEqual([1, 2, 3]);
      expect((await store.load(0, [idOf("f", "k")], at(4, 0, 3))).size).toBe(1);
    });

    test("takes a commit that begins before what it holds, when it was set back in between", async () => {
      await claimed(0);
      await store.commit(0, 0, change({ to: at(5, 0, 4) }));
      const over = change({ from: at(3, 0, 2), to: at(8, 0, 7), instances: [stored("f", "k")] });
      await store.commit(0, 0, over);
      expect((await store.position(0))?.journal).toEqual(at(8, 0, 7));
    });

    test("refuses load and due when it was wiped, and a commit, too", async () => {
      await claimed(0);
      const held = at(4, 0, 3);
      await store.commit(0, 0, change({ to: held, instances: [stored("f", "k")] }));
      await under.wipe();
      const range = { after: -1, by: 10 };
      const refused = await Promise.all([
        failure(store.load(0, [idOf("f", "k")], held)),
        failure(store.due(0, range, held)),
        failure(store.commit(0, 0, change({ from: held, to: at(6, 0, 5) }))),
      ]);
      expect(refused.map((error) => isOperational(error, "STATE-002"))).toEqual([true, true, true]);
    });

    test("a load behind a commit sees it, without waiting for its answer", async () => {
      await claimed(0);
      const to = at(4, 0, 3);
      const commit = store.commit(0, 0, change({ to, instances: [stored("f", "k")] }));
      const load = store.load(0, [idOf("f", "k")], to);
      expect((await load).size).toBe(1);
      await commit;
    });

    test("writes all of a large commit, or none of it", async () => {
      await claimed(0);
      const instances = Array.from({ length: 3_000 }, (_, i) => stored("f", `k${i}`));
      const to = at(3_001, 0, 3_000);
      await store.commit(0, 0, change({ to, instances }));
      const found = await store.load(
        0,
        instances.map(({ id }) => id),
        to,
      );
      expect(found.size).toBe(3_000);
    });

    test("keeps the floor with the input position", async () => {
      await claimed(0);
      const input = { ...positionOf(7, { w: 5 }), floor: 3 };
      await store.commit(0, 0, change({ to: at(4, 0, 3), input }));
      expect((await store.position(0))?.input).toEqual(input);
      expect((await store.claim(0, 9, LOG)).input).toEqual(input);
    });

    test("forgets what a commit drops, and all that it is found by", async () => {
      await claimed(0);
      const ended = stored("f", "a", { index: { due: 10, parked: true, things: ["default/t"] } });
      const to = at(4, 0, 3);
      await store.commit(0, 0, change({ to, instances: [ended, stored("f", "b")] }));
      const after = at(6, 0, 5);
      await store.commit(
        0,
        0,
        change({ from: to, to: after, dropped: [ended.id, idOf("f", "x")] }),
      );
      expect([...(await store.load(0, [ended.id, idOf("f", "b")], after)).keys()]).toEqual([
        idOf("f", "b"),
      ]);
      expect(await store.history(0, ended.id)).toEqual([]);
      expect((await store.due(0, { after: -1, by: 100 }, after)).due).toEqual([]);
      expect(await store.parked(0)).toEqual([]);
      expect((await store.instances({ ns: "default", flow: "f", limit: 10 })).items).toHaveLength(
        1,
      );
      expect((await store.instances({ ns: "default", thing: "t", limit: 10 })).items).toEqual([]);
      expect(await store.count(0)).toBe(1);
      await store.commit(0, 0, change({ from: after, to: at(8, 0, 7), instances: [ended] }));
      expect((await store.instances({ ns: "default", flow: "f", limit: 10 })).items).toHaveLength(
        2,
      );
    });

    test.each([3, 1_700])("goes through all %i instances, page by page", async (count) => {
      await claimed(0);
      await claimed(0, 1);
      const instances = Array.from({ length: count }, (_, i) => stored("f", `k${i}`));
      const to = at(4, 0, 3);
      await store.commit(0, 0, change({ to, instances }));
      await store.commit(1, 0, change({ to, instances: [stored("f", "elsewhere")] }));
      expect(await store.count(0)).toBe(count);
      const found = new Map<string, string>();
      let cursor: string | undefined;
      do {
        const page = await store.scan(0, to, cursor);
        for (const { id, json } of page.items) found.set(id, json);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(found).toEqual(new Map(instances.map(({ id, json }) => [id, json])));
      expect(isOperational(await failure(store.scan(0, at(9, 0, 8))), "STATE-002")).toBe(true);
      await under.wipe();
      expect(isOperational(await failure(store.scan(0, to)), "STATE-002")).toBe(true);
    });

    test("begins a partition anew with nothing of what it held, and says so until it is whole", async () => {
      await claimed(0);
      await claimed(0, 1);
      const instances = [stored("f", "a", { index: { due: 10, parked: true }, steps: [1] })];
      const held = at(4, 0, 3);
      const rejections = [rejection(2, 5, "f")];
      await store.commit(
        0,
        0,
        change({ to: held, input: positionOf(7, { w: 5 }), instances, rejections }),
      );
      await store.commit(1, 0, change({ to: held, instances: [stored("f", "b")] }));
      await store.claim(0, 20, LOG);
      const journal = at(2, 0, 1);
      const input = { ...positionOf(3, { v: 2 }), floor: 2 };
      await store.restart(0, 20, { journal, input }, 21);
      expect(await store.position(0)).toEqual({ journal, input, until: 21 });
      expect(await store.claim(0, 20, LOG)).toEqual({ journal, input, until: 21 });
      expect(await store.load(0, [idOf("f", "a")], journal)).toEqual(new Map());
      expect(await store.history(0, idOf("f", "a"))).toEqual([]);
      expect(await store.parked(0)).toEqual([]);
      expect((await store.due(0, { after: -1, by: 100 }, journal)).due).toEqual([]);
      expect((await store.rejections({ ns: "default", limit: 10 })).items).toEqual([]);
      const left = await store.instances({ ns: "default", flow: "f", limit: 10 });
      expect(left.items.map(({ key }) => key)).toEqual(["b"]);

      await store.commit(0, 20, change({ from: journal, to: at(9, 0, 8), input }));
      expect((await store.position(0))?.until).toBe(21);
      await store.commit(0, 20, change({ from: at(9, 0, 8), to: at(21, 20, 0), input }));
      expect((await store.position(0))?.until).toBeUndefined();
      const older = failure(store.restart(0, 10, { journal, input }, 21));
      expect(isOperational(await older, "STATE-001")).toBe(true);
    });

    test("answers a commit with what is due in the range asked for, the commit included", async () => {
      await claimed(0);
      const to = at(4, 0, 3);
      const instances = [10, 20, 30].map((due) => stored("f", `k${due}`, { index: { due } }));
      const page = await store.commit(0, 0, change({ to, instances, due: { after: 10, by: 20 } }));
      expect(page).toEqual({ until: 20, due: [{ id: idOf("f", "k20"), at: 20 }] });
      expect(await store.due(0, { after: -1, by: 30 }, to)).toEqual({
        until: 30,
        due: [10, 20, 30].map((due) => ({ id: idOf("f", `k${due}`), at: due })),
      });
    });

    test("forgets the timer of an instance that has none any more, and moves one that changed", async () => {
      await claimed(0);
      const a = stored("f", "a", { index: { due: 10 } });
      const b = stored("f", "b", { index: { due: 10 } });
      await store.commit(0, 0, change({ to: at(3, 0, 2), instances: [a, b] }));
      const to = at(5, 0, 4);
      const moved = stored("f", "b", { index: { due: 50 } });
      await store.commit(
        0,
        0,
        change({ from: at(3, 0, 2), to, instances: [stored("f", "a"), moved] }),
      );
      expect((await store.due(0, { after: -1, by: 100 }, to)).due).toEqual([
        { id: idOf("f", "b"), at: 50 },
      ]);
    });

    test("cuts a long page of due instances, and says until when it is complete", async () => {
      await claimed(0);
      const instances = Array.from({ length: 5_500 }, (_, i) =>
        stored("f", `k${i}`, { index: { due: 1 + Math.floor(i / 10) } }),
      );
      const to = at(9_000, 0, 5_500);
      await store.commit(0, 0, change({ to, instances }));
      const seen = new Set<string>();
      let after = 0;
      while (after < 1_000) {
        const page = await store.due(0, { after, by: 1_000 }, to);
        for (const { id, at: due } of page.due) if (due <= page.until) seen.add(id);
        expect(page.until).toBeGreaterThan(after);
        after = page.until;
      }
      expect(seen.size).toBe(5_500);
    });

    test("keeps the journal offsets of an instance's last 64 steps", async () => {
      await claimed(0);
      const first = Array.from({ length: 50 }, (_, i) => i + 1);
      const second = Array.from({ length: 30 }, (_, i) => i + 51);
      await store.commit(
        0,
        0,
        change({ to: at(51, 0, 50), instances: [stored("f", "k", { steps: first })] }),
      );
      await store.commit(
        0,
        0,
        change({
          from: at(51, 0, 50),
          to: at(81, 0, 80),
          instances: [stored("f", "k", { steps: second })],
        }),
      );
      expect(await store.history(0, idOf("f", "k"))).toEqual([...first, ...second].slice(-64));
    });

    test("begins the history anew with a new generation", async () => {
      await claimed(0);
      const old = stored("f", "k", { steps: [1, 2] });
      await store.commit(0, 0, change({ to: at(3, 0, 2), instances: [old] }));
      const begun = stored("f", "k", { steps: [3], begins: true });
      await store.commit(0, 0, change({ from: at(3, 0, 2), to: at(4, 0, 3), instances: [begun] }));
      expect(await store.history(0, idOf("f", "k"))).toEqual([3]);
    });

    test("finds instances by flow, state, thing and status, over all partitions, in pages", async () => {
      for (const partition of [0, 1, 2]) {
        await claimed(0, partition);
        const instances = Array.from({ length: 5 }, (_, i) => {
          const key = `k${i}${partition}`;
          const state = i % 2 === 0 ? "lit" : "dark";
          return stored("f", key, {
            index: { states: [state, `${state}.x`], things: [`default/t${i}`, "default/hub"] },
          });
        });
        const done = stored("g", `done${partition}`, { index: { status: "done", states: [] } });
        await store.commit(
          partition,
          0,
          change({ to: at(9, 0, 8), instances: [...instances, done] }),
        );
      }
      const keys = async (query: object) => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.instances({
            ns: "default",
            limit: 4,
            ...query,
            ...(cursor !== undefined && { cursor }),
          });
          expect(page.items.length).toBeLessThanOrEqual(4);
          found.push(...page.items.map(({ key }) => key));
          cursor = page.next;
        } while (cursor !== undefined);
        return found;
      };
      const all = [0, 1, 2, 3, 4].flatMap((i) => [0, 1, 2].map((p) => `k${i}${p}`));
      expect(await keys({ flow: "f" })).toEqual(all);
      expect(await keys({ flow: "f", state: "lit" })).toEqual(
        all.filter((k) => "024".includes(k[1] ?? "")),
      );
      expect(await keys({ flow: "f", state: "dark.x" })).toEqual(
        all.filter((k) => "13".includes(k[1] ?? "")),
      );
      expect(await keys({ thing: "t3" })).toEqual(["k30", "k31", "k32"]);
      expect(await keys({ thing: "hub" })).toEqual(all);
      expect(await keys({ flow: "f", thing: "t3", state: "lit" })).toEqual([]);
      expect(await keys({})).toEqual([...all, "done0", "done1", "done2"]);
      expect(await keys({ status: "done" })).toEqual(["done0", "done1", "done2"]);
      expect(await keys({ flow: "nothing" })).toEqual([]);
      expect(await keys({ ns: "other" })).toEqual([]);
    });

    test("finds an instance in the state that it is in now, and no longer in the last one", async () => {
      await claimed(0);
      const lit = stored("f", "k", { index: { states: ["lit"] } });
      await store.commit(0, 0, change({ to: at(2, 0, 1), instances: [lit] }));
      const dark = stored("f", "k", { index: { states: ["dark"] } });
      const known = { ...dark, was: lit.index };
      await store.commit(0, 0, change({ from: at(2, 0, 1), to: at(3, 0, 2), instances: [known] }));
      const inState = async (state: string) =>
        (await store.instances({ ns: "default", flow: "f", state, limit: 9 })).items.length;
      expect([await inState("lit"), await inState("dark")]).toEqual([0, 1]);
      // Without a word on what was there before, too.
      await store.commit(0, 0, change({ from: at(3, 0, 2), to: at(4, 0, 3), instances: [lit] }));
      expect([await inState("lit"), await inState("dark")]).toEqual([1, 0]);
    });

    test("finds an instance by the things that it has now, and no longer by those that it had", async () => {
      await claimed(0);
      const before = stored("f", "k", { index: { things: ["default/s1", "default/l1"] } });
      await store.commit(0, 0, change({ to: at(2, 0, 1), instances: [before] }));
      const after = stored("f", "k", { index: { things: ["default/s1", "default/l2"] } });
      await store.commit(0, 0, change({ from: at(2, 0, 1), to: at(3, 0, 2), instances: [after] }));
      const found = async (thing: string) =>
        (await store.instances({ ns: "default", thing, limit: 9 })).items.length;
      expect([await found("s1"), await found("l1"), await found("l2")]).toEqual([1, 0, 1]);
    });

    test("gives one instance by its id, and none for an unknown one", async () => {
      await claimed(0);
      await store.commit(0, 0, change({ to: at(2, 0, 1), instances: [stored("f", "ä/b c")] }));
      expect((await store.instance(0, idOf("f", "ä/b c")))?.key).toBe("ä/b c");
      expect(await store.instance(0, idOf("f", "x"))).toBeUndefined();
      expect(await store.history(0, idOf("f", "x"))).toEqual([]);
    });

    test("lists rejections, the newest first, in pages and by flow", async () => {
      for (const partition of [0, 1]) {
        await claimed(0, partition);
        const rejections = Array.from({ length: 5 }, (_, i) =>
          rejection(10 + i, 1_000 + i * 2 + partition, i === 0 ? "g" : "f"),
        );
        await store.commit(partition, 0, change({ to: at(20, 0, 8), rejections }));
        await store.commit(partition, 0, change({ to: at(20, 0, 8), rejections })); // a repeat
      }
      const times: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.rejections({ ns: "default", limit: 3, ...(cursor && { cursor }) });
        times.push(...page.items.map((one) => one.at));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(times).toEqual([1009, 1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001, 1000]);
      const ofG = await store.rejections({ ns: "default", flow: "g", limit: 9 });
      expect(ofG.items.map(({ partition, offset }) => [partition, offset])).toEqual([
        [1, 10],
        [0, 10],
      ]);
      expect((await store.rejections({ ns: "other", limit: 9 })).items).toEqual([]);
    });

    test("knows which instances owe an effect that was put aside", async () => {
      await claimed(0);
      const a = stored("f", "a", { index: { parked: true } });
      await store.commit(0, 0, change({ to: at(3, 0, 2), instances: [a, stored("f", "b")] }));
      expect((await store.parked(0)).map(({ key }) => key)).toEqual(["a"]);
      const settled = change({ from: at(3, 0, 2), to: at(4, 0, 3), instances: [stored("f", "a")] });
      await store.commit(0, 0, settled);
      expect(await store.parked(0)).toEqual([]);
    });

    test("shows another process what it holds", async () => {
      await claimed(0);
      await store.commit(0, 0, change({ to: at(2, 0, 1), instances: [stored("f", "k")] }));
      const other = await under.open();
      expect((await other.instance(0, idOf("f", "k")))?.key).toBe("k");
      expect(await other.position(1)).toBeUndefined();
      await other.close();
    });
  });
}

function at(offset: number, epoch: number, n: number): Bookmark {
  return { offset, epoch, n };
}

function idOf(flow: string, key: string) {
  return instanceId({ ns: "default", flow, key });
}

function positionOf(offset: number, stamps: Record<string, number>): Position {
  const entries = Object.entries(stamps).map(([w, n]) => [w, { n, time: 1 }] as const);
  return { offset, time: 5, stamps: new Map(entries) };
}

interface Wanted {
  readonly index?: Partial<InstanceIndex>;
  readonly steps?: readonly number[];
  readonly begins?: boolean;
}

function stored(flow: string, key: string, { index, steps, begins }: Wanted = {}): StoredInstance {
  const instance: Instance = {
    ns: "default",
    flow,
    key,
    version: "v",
    generation: 0,
    seq: 1,
    status: "running",
    state: "lit",
    context: { text: "ä" },
    in: 0,
    startedAt: 0,
    updatedAt: 0,
  };
  return {
    id: instanceId(instance),
    json: JSON.stringify(instance),
    index: {
      flow: `default/${encodePart(flow)}`,
      states: ["lit"],
      status: "running",
      parked: false,
      ...index,
    },
    steps: steps ?? [],
    begins: begins ?? false,
  };
}

function rejection(offset: number, atMs: number, flow: string): StoredRejection {
  return { offset, at: atMs, ns: "default", flow, key: "k", code: "schema", json: "{}" };
}

function change(wanted: Partial<PartitionChange> & { to: Bookmark }): PartitionChange {
  return {
    from: startBookmark,
    input: startPosition,
    instances: [],
    rejections: [],
    due: { after: -1, by: -1 },
    ...wanted,
  };
}

function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

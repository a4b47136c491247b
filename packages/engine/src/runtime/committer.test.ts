import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { startPosition } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { DuePage, PartitionChange } from "@millrace/shared/ports/state-store";
import { expect, test } from "vitest";
import { settle, SimClock } from "../../../../test/support/sim-clock.ts";
import { Committer } from "./committer.ts";
import { engineCounters, engineDurations } from "./counters.ts";
import { defaultEngineOptions } from "./options.ts";

/** Attacks: S2 of committer.ts. */

/** A store that answers when it is told to. */
class HeldStore extends MemoryStateStore {
  readonly asked: PartitionChange[] = [];
  #answer: (() => void) | undefined;
  underWay = 0;
  underWayMost = 0;

  override async commit(
    _partition: number,
    _epoch: number,
    change: PartitionChange,
  ): Promise<DuePage> {
    this.asked.push(change);
    this.underWay += 1;
    this.underWayMost = Math.max(this.underWayMost, this.underWay);
    await new Promise<void>((resolve) => {
      this.#answer = resolve;
    });
    this.underWay -= 1;
    return { due: [], until: 0 };
  }

  async answer(): Promise<void> {
    this.#answer?.();
    await settle();
  }
}

const at = (offset: number): Bookmark => ({ offset, epoch: 0, n: offset });

function open() {
  const clock = new SimClock(1);
  const store = new HeldStore(new MemoryStateServer());
  const committer = new Committer(
    {
      partition: 0,
      epoch: 0,
      store,
      clock,
      options: defaultEngineOptions,
      counters: engineCounters(),
      durations: engineDurations(),
      moveWindow: () => ({ after: 0, by: 0 }),
      took: () => undefined,
      dropped: () => undefined,
      failed: (error) => {
        throw error;
      },
    },
    at(0),
    at(0),
    startPosition,
  );
  const add = (offset: number) => committer.add([], [], at(offset), startPosition);
  return { clock, store, committer, add };
}

test("one commit is under way at a time, however long it takes, and the next goes on from it", async () => {
  const { clock, store, add } = open();
  for (let offset = 1; offset <= 5; offset++) {
    add(offset);
    await clock.advance(10 * defaultEngineOptions.commitMs);
  }
  expect(store.asked).toHaveLength(1);
  await store.answer();
  await clock.advance(10 * defaultEngineOptions.commitMs);
  expect(store.asked.map(({ from, to }) => [from.offset, to.offset])).toEqual([
    [0, 1],
    [1, 5],
  ]);
  expect(store.underWayMost).toBe(1);
});

test("whoever waits for the store waits for all of it, one commit after the other", async () => {
  const { store, committer, add, clock } = open();
  add(1);
  await clock.advance(10 * defaultEngineOptions.commitMs);
  add(2);
  let done = 0;
  const flushes = [committer.flush(), committer.flush()].map((flush) => flush.then(() => done++));
  await settle();
  expect([store.asked.length, done]).toEqual([1, 0]);
  await store.answer();
  expect([store.asked.length, done]).toEqual([2, 0]);
  await store.answer();
  await Promise.all(flushes);
  expect(store.underWayMost).toBe(1);
});

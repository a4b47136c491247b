import { expect, test } from "vitest";
import { SimClock } from "../../../../../test/support/sim-clock.ts";
import type { LogRecord, Subscription, SubscriptionEvents } from "../../ports/event-log.ts";
import { RangeReader } from "./range-reader.ts";

const recordAt = (offset: number): LogRecord => ({
  offset,
  time: 0,
  key: null,
  header: undefined,
  value: null,
});

/** A member of a group of two partitions; one that is dead brings nothing of the first. */
class Member implements Subscription {
  isClosed = false;
  readonly #events: SubscriptionEvents;
  readonly #isDead: boolean;
  readonly #at = new Map<number, number>();

  constructor(events: SubscriptionEvents, isDead: boolean) {
    this.#events = events;
    this.#isDead = isDead;
  }

  seek(partition: number, offset: number): void {
    this.#at.set(partition, offset);
  }

  resume(partition: number): void {
    const at = this.#at.get(partition) ?? 0;
    if (this.#isDead && partition === 0) return;
    this.#at.set(partition, at + 1);
    queueMicrotask(() => this.#events.records(partition, [recordAt(at)]));
  }

  pause(): void {}

  arrivedUntil(): number {
    return 0;
  }

  async confirm(): Promise<boolean> {
    return true;
  }

  async bookmark(): Promise<void> {}

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

async function offsets(batches: AsyncIterable<readonly LogRecord[]>): Promise<number[]> {
  const found: number[] = [];
  for await (const batch of batches) found.push(...batch.map(({ offset }) => offset));
  return found;
}

test("a member that brings nothing of a partition any more is given up for another", async () => {
  const clock = new SimClock(1);
  const members: Member[] = [];
  const reader = new RangeReader({
    topic: "journal",
    partitions: 2,
    clock,
    subscribe: async (events) => {
      const member = new Member(events, members.length === 0);
      members.push(member);
      queueMicrotask(() => events.assigned([0, 1]));
      return member;
    },
  });
  expect(await offsets(reader.read(1, 5, 7))).toEqual([5, 6]);
  const stalled = expect(offsets(reader.read(0, 5, 7))).rejects.toThrow(
    "nothing came from journal/0",
  );
  await clock.advance(15_000);
  await stalled;
  expect(await offsets(reader.read(0, 5, 7))).toEqual([5, 6]);
  await clock.advance(0);
  expect(members.map(({ isClosed }) => isClosed)).toEqual([true, false]);
});

test("a read after one that found no server opens a member", async () => {
  let opened = 0;
  const reader = new RangeReader({
    topic: "journal",
    partitions: 2,
    clock: new SimClock(1),
    subscribe: async (events) => {
      if (opened++ === 0) throw new Error("no broker");
      queueMicrotask(() => events.assigned([0, 1]));
      return new Member(events, false);
    },
  });
  await expect(offsets(reader.read(1, 5, 7))).rejects.toThrow("no broker");
  expect(await offsets(reader.read(1, 5, 7))).toEqual([5, 6]);
});

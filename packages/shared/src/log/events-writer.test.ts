import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { Appended, NewRecord } from "@millrace/shared/ports/event-log";
import { expect, test } from "vitest";
import { settle, SimClock } from "../../../../test/support/sim-clock.ts";
import { EventsWriter } from "./events-writer.ts";

/** Attacks: W1 and W4 of events-writer.ts. */

const RECORD_BYTES = 1_000;
const QUEUE_BYTES_MAX = 10 * RECORD_BYTES;

/** 100 of its bytes are what the writer adds for the log. */
const record: NewRecord = { key: "k", header: "h", value: Buffer.alloc(RECORD_BYTES - 102) };

/** A log that takes an append when it is told to. */
class HeldLog extends MemoryLog {
  readonly #held: (() => void)[] = [];

  override async append(
    topic: "events" | "journal",
    partition: number,
    records: readonly NewRecord[],
  ): Promise<Appended> {
    await new Promise<void>((resolve) => this.#held.push(resolve));
    return await super.append(topic, partition, records);
  }

  get underWay(): number {
    return this.#held.length;
  }

  async takeOne(): Promise<void> {
    this.#held.shift()?.();
    await settle();
  }
}

function open(partitions = 1) {
  const clock = new SimClock(1);
  const log = new HeldLog(new MemoryLogServer({ clock, partitions }));
  const writer = new EventsWriter(log, clock, {
    batchRecordsMax: 1,
    queueBytesMax: QUEUE_BYTES_MAX,
  });
  let relieved = 0;
  writer.onRelief(() => {
    relieved += 1;
  });
  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) void writer.write(n % partitions, record);
    await settle();
  };
  return { log, writer, write, relieved: () => relieved };
}

test("what waits is counted, over all partitions, until the log has it", async () => {
  const { log, writer, write } = open(2);
  await write(4);
  expect(log.underWay).toBe(2); // one a partition (W1)
  expect(writer.queuedBytes).toBe(4 * RECORD_BYTES);
  await log.takeOne();
  expect(writer.queuedBytes).toBe(3 * RECORD_BYTES);
});

test("beyond the bound callers are asked to hold back; at half of it they hear of it, once", async () => {
  const { log, writer, write, relieved } = open();
  await write(10);
  expect([writer.queuedBytes, writer.congested]).toEqual([QUEUE_BYTES_MAX, false]);
  await write(1);
  expect(writer.congested).toBe(true);
  for (let waiting = 10; waiting > 5; waiting--) {
    await log.takeOne();
    expect([waiting, relieved()]).toEqual([waiting, 0]);
  }
  await log.takeOne();
  expect(relieved()).toBe(1);
  while (log.underWay > 0) await log.takeOne();
  expect([writer.queuedBytes, relieved()]).toEqual([0, 1]);
});

test("nobody is told of relief who was not asked to hold back; and again after each time", async () => {
  const { log, write, relieved } = open();
  await write(10);
  while (log.underWay > 0) await log.takeOne();
  expect(relieved()).toBe(0);
  for (let time = 1; time <= 2; time++) {
    await write(11);
    while (log.underWay > 0) await log.takeOne();
    expect(relieved()).toBe(time);
  }
});

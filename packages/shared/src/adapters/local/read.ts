import { assert } from "../../errors/assert.ts";
import { OperationalError } from "../../errors/operational.ts";
import type { Bounds, LogRecord, Topic } from "../../ports/event-log.ts";

/** Says that a log no longer keeps what is asked for. */
export function outOfRange(
  topic: Topic,
  partition: number,
  wanted: number,
  start: number,
): OperationalError<"LOG-006"> {
  return new OperationalError(
    "LOG-006",
    { topic, partition, wanted, start },
    `${topic}/${partition} begins at ${start}, ${wanted} was wanted`,
  );
}

const BATCH_RECORDS_MAX = 500;

/** Reads a range of a log that lives in this process. */
export async function* readLocal(
  log: {
    bounds(topic: Topic, partition: number): Promise<Bounds>;
    slice(topic: Topic, partition: number, from: number, max: number): readonly LogRecord[];
  },
  topic: Topic,
  partition: number,
  from: number,
  to: number,
): AsyncIterable<readonly LogRecord[]> {
  const { start } = await log.bounds(topic, partition);
  if (from < start) throw outOfRange(topic, partition, from, start);
  for (let at = from; at < to; ) {
    const batch = log.slice(topic, partition, at, Math.min(BATCH_RECORDS_MAX, to - at));
    if (batch[0]?.offset !== at) {
      const { start: now } = await log.bounds(topic, partition);
      if (at < now) throw outOfRange(topic, partition, at, now); // deleted meanwhile
    }
    assert(batch.length > 0, "a read ends at or before the end of the log");
    yield batch;
    at += batch.length;
    await Promise.resolve();
  }
}

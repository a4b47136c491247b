import type { EventLog, LogRecord, Topic } from "../ports/event-log.ts";

/** The record at a place of the log; undefined where it is deleted, or none stands there yet. */
export async function recordAt(
  log: EventLog,
  topic: Topic,
  partition: number,
  offset: number,
): Promise<LogRecord | undefined> {
  const { start, end } = await log.bounds(topic, partition);
  if (offset < start || offset >= end) return undefined;
  for await (const [record] of log.read(topic, partition, offset, offset + 1)) {
    if (record?.offset === offset) return record;
  }
  return undefined;
}

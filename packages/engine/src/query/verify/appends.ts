import { type JournalHeader, parseJournalHeader } from "@millrace/shared/contract/journal-record";
import type { PositionChange } from "@millrace/shared/contract/position";
import { type Bookmark, gapError, JournalReader } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";

/** A record of the journal that counts. */
export interface CountedRecord {
  readonly kind: JournalHeader["kind"];
  readonly record: LogRecord;
}

/** What an owner wrote in one go: the records that count, and how far the input was after them. */
export interface Append {
  readonly time: EpochMs;
  /** Offset of the next record. */
  readonly end: number;
  readonly records: readonly CountedRecord[];
  readonly position: PositionChange | undefined;
}

/**
 * A stretch of a partition's journal, append by append: the last record of each names the position.
 *
 * @throws OperationalError LOG-005 when the log has lost records
 */
export async function* appendsOf(
  log: EventLog,
  partition: number,
  from: Bookmark,
  to: number,
): AsyncIterable<Append> {
  const reader = new JournalReader(from);
  let records: CountedRecord[] = [];
  for await (const batch of log.read("journal", partition, from.offset, to)) {
    for (const record of batch) {
      const header = parseJournalHeader(record.header);
      const reading = reader.read(record.offset, header);
      if (reading === "gap") throw gapError(partition, record.offset);
      if (reading !== "counts" || header === undefined) continue;
      records.push({ kind: header.kind, record });
      if (header.pos === undefined) continue;
      yield { time: record.time, end: record.offset + 1, records, position: header.pos };
      records = [];
    }
  }
  const last = records.at(-1)?.record;
  if (last !== undefined)
    yield { time: last.time, end: last.offset + 1, records, position: undefined };
}

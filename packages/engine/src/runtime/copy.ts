import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { LogRecord, NewRecord } from "@millrace/shared/ports/event-log";
import type { Deliveries } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";

/** Writes copies, and resolves when they are acknowledged: then the journal may say that their record is done (T4). */
export async function writeCopies(
  toCopy: readonly Deliveries[],
  partition: number,
  { events, counters }: EngineHost,
): Promise<void> {
  const writes: Promise<unknown>[] = [];
  for (const { record, header, copyTo } of toCopy) {
    if (header === undefined) continue;
    for (const target of copyTo) {
      writes.push(events.write(target, copyOf(record, header, partition)));
      counters.copies += 1;
    }
  }
  if (writes.length > 0) await Promise.all(writes);
}

/**
 * An event as it is copied to another partition: the same, stamped with its source log and its offset
 * there. Two owners of the source may both copy it; their streams are both in order, so the highest
 * offset is a right watermark.
 */
function copyOf(record: LogRecord, header: EventHeader, partition: number): NewRecord {
  const at = header.kind === "device" ? { at: record.time } : {};
  return {
    key: record.key,
    header: JSON.stringify({ ...header, ...at, w: `events/${partition}`, n: record.offset }),
    value: record.value,
  };
}

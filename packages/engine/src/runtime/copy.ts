import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { LogRecord, NewRecord } from "@millrace/shared/ports/event-log";

/**
 * An event as it is copied to another partition: the same, stamped with its source log and its offset
 * there. Two owners of the source may both copy it; their streams are both in order, so the highest
 * offset is a right watermark.
 */
export function copyOf(record: LogRecord, header: EventHeader, partition: number): NewRecord {
  const at = header.kind === "device" ? { at: record.time } : {};
  return {
    key: record.key,
    header: JSON.stringify({ ...header, ...at, w: `events/${partition}`, n: record.offset }),
    value: record.value,
  };
}

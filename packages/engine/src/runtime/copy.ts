import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { Traceparent } from "@millrace/shared/contract/trace";
import type { LogRecord, NewRecord } from "@millrace/shared/ports/event-log";
import type { Deliveries } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";

/** Writes copies, and resolves when they are acknowledged: then the journal may say that their record is done (T4). */
export async function writeCopies(
  toCopy: readonly Deliveries[],
  partition: number,
  host: EngineHost,
): Promise<void> {
  const writes: Promise<unknown>[] = [];
  for (const { record, header, copyTo } of toCopy) {
    if (header === undefined) continue;
    for (const target of copyTo)
      writes.push(writeCopy(record, header, { partition, target }, host));
  }
  if (writes.length > 0) await Promise.all(writes);
}

async function writeCopy(
  record: LogRecord,
  header: EventHeader,
  { partition, target }: { readonly partition: number; readonly target: number },
  { events, counters, tracer }: EngineHost,
): Promise<void> {
  const attributes = {
    "messaging.destination.name": "events",
    "messaging.destination.partition.id": String(target),
    "messaging.message.id": `${partition}-${record.offset}`,
  };
  const span = tracer?.begin("copy", header.trace, { attributes });
  const trace = span?.trace ?? header.trace;
  counters.copies += 1;
  await events.write(target, copyOf(record, header, partition, trace), trace);
  span?.end();
}

/**
 * An event as it is copied to another partition: the same, stamped with its source log and its offset
 * there. Two owners of the source may both copy it; their streams are both in order, so the highest
 * offset is a right watermark.
 */
function copyOf(
  record: LogRecord,
  header: EventHeader,
  partition: number,
  trace: Traceparent | undefined,
): NewRecord {
  const at = header.kind === "device" ? { at: record.time } : {};
  const stamp = { w: `events/${partition}`, n: record.offset };
  return {
    key: record.key,
    header: JSON.stringify({ ...header, ...at, ...stamp, ...(trace !== undefined && { trace }) }),
    value: record.value,
  };
}

import { parseJournalHeader } from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import { recordAt } from "@millrace/shared/log/record-at";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { PlacedRejection } from "@millrace/shared/ports/state-store";
import { storedRejection } from "../runtime/stored.ts";

/** The rejection that stands at a place of the journal, listed or not; undefined where there is none. */
export async function rejectionAt(
  log: EventLog,
  partition: number,
  offset: number,
): Promise<PlacedRejection | undefined> {
  const record = await recordAt(log, "journal", partition, offset);
  const header = parseJournalHeader(record?.header);
  if (record === undefined || header?.kind !== "rejected") return undefined;
  const rejected = readJournalValue("rejected", record, partition);
  const json = record.value?.toString("utf8") ?? "";
  return { partition, ...storedRejection(offset, { rejected, json, trace: header.trace }) };
}

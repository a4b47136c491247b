import { rejectionAt } from "@millrace/engine/query/rejection";
import type { RejectionPlace, RejectionSearch } from "@millrace/gateway/api/operations";
import { invalid, notFound } from "@millrace/gateway/api/problem";
import { rejectionCursor } from "@millrace/shared/adapters/state-pages";
import { type EventHeader, parseEventHeader } from "@millrace/shared/contract/event-record";
import type { Rejected } from "@millrace/shared/contract/journal-record";
import { OperationalError } from "@millrace/shared/errors/operational";
import { recordAt } from "@millrace/shared/log/record-at";
import type { EventLog, NewRecord } from "@millrace/shared/ports/event-log";
import type {
  PlacedRejection,
  RejectionPage,
  StateStore,
} from "@millrace/shared/ports/state-store";

const PAGE = 500;

/** Rejections by what the store has no index for, too: it is searched page by page, the newest first. */
export async function searchRejections(
  store: StateStore,
  { code, key, thing, since, until, ...query }: RejectionSearch,
): Promise<RejectionPage> {
  if ([code, key, thing, since, until].every((one) => one === undefined))
    return await store.rejections(query);
  const isWanted = (one: PlacedRejection): boolean =>
    (code === undefined || one.code === code) &&
    (key === undefined || one.key === key) &&
    (thing === undefined || one.thing === thing) &&
    (since === undefined || one.at >= since) &&
    (until === undefined || one.at < until);
  const found: PlacedRejection[] = [];
  let { cursor } = query;
  do {
    const page = await store.rejections({
      ...query,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    found.push(...page.items.filter(isWanted));
    const oldest = page.items.at(-1);
    const isOver = since !== undefined && oldest !== undefined && oldest.at < since;
    cursor = isOver ? undefined : page.next;
  } while (cursor !== undefined && found.length <= query.limit);
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  const more = found.length > items.length && last !== undefined;
  return { items, ...(more && { next: rejectionCursor(last) }) };
}

/**
 * A rejected input as it is given again, but for its stamp: the record that was rejected, with its
 * trace, for its flow alone.
 *
 * @throws OperationalError API-001, API-002, LOG-006
 */
export async function redriven(
  log: EventLog,
  { ns, partition, offset }: RejectionPlace,
): Promise<Pick<NewRecord, "key" | "value"> & { readonly header: Omit<EventHeader, "w" | "n"> }> {
  const id = `${partition}-${offset}`;
  const found = partition < log.partitions ? await rejectionAt(log, partition, offset) : undefined;
  if (found?.ns !== ns) throw notFound(`rejected input ${id} in namespace ${ns}`);
  const { cause, flow, key } = JSON.parse(found.json) as Rejected;
  if (cause.offset === undefined)
    throw invalid("id", "it was a timer, which is not given again; signal the instance instead");
  const original = await eventAt(log, partition, cause.offset);
  const header = parseEventHeader(original.header);
  if ("malformed" in header)
    throw invalid("id", `the record cannot be read, now as before: ${header.malformed}`);
  const again = { ...header, redrive: id };
  const { value } = original;
  if (again.kind !== "device") return { key: original.key, header: again, value };
  const { at: _ofACopy, ...device } = again;
  const only = flow === undefined ? {} : { only: { flow, ...(key !== undefined && { key }) } };
  return { key: original.key, header: { ...device, ...only }, value };
}

async function eventAt(log: EventLog, partition: number, wanted: number) {
  const record = await recordAt(log, "events", partition, wanted);
  if (record !== undefined) return record;
  const { start } = await log.bounds("events", partition);
  throw new OperationalError(
    "LOG-006",
    { topic: "events", partition, wanted, start },
    `events/${partition} begins at ${start}; the input, at ${wanted}, is deleted`,
  );
}

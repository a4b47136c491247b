import type { JournalTail, TailedRecord } from "@millrace/engine/query/journal-tail";
import { invalid } from "@millrace/gateway/api/problem";
import type { JournalEvent } from "@millrace/gateway/api/operations";
import type { Bookmark } from "@millrace/shared/contract/reader";
import { traceIdOf } from "@millrace/shared/contract/trace";

/**
 * A cursor names, for each partition, the bookmark to go on from: `offset.epoch.n`, the partitions
 * separated by `_`.
 *
 * @throws OperationalError API-002
 */
export function readCursor(text: string, partitions: number): readonly Bookmark[] {
  const places = text
    .split("_")
    .map((place) => /^(\d{1,15})\.(-1|\d{1,15})\.(\d{1,15})$/.exec(place));
  if (places.length !== partitions || places.includes(null))
    throw invalid("cursor", "not a cursor that a page gave");
  return places.map((place) => ({
    offset: Number(place?.[1]),
    epoch: Number(place?.[2]),
    n: Number(place?.[3]),
  }));
}

function writeCursor(bookmarks: readonly Bookmark[]): string {
  return bookmarks.map(({ offset, epoch, n }) => `${offset}.${epoch}.${n}`).join("_");
}

/** Shows what is journalled to one who looks on. @returns what ends it */
export function openTail(
  tail: JournalTail,
  from: readonly Bookmark[],
  take: (events: readonly JournalEvent[], next: string) => void,
  ended: () => void,
): () => void {
  const listener = {
    take: (records: readonly TailedRecord[], next: readonly Bookmark[]) =>
      take(records.map(journalEvent), writeCursor(next)),
    failed: ended,
  };
  const listening = tail.listen(from, listener);
  listening.catch(ended);
  return () => {
    listening.then((leave) => leave()).catch(() => {});
  };
}

function journalEvent({ partition, offset, trace, ...record }: TailedRecord): JournalEvent {
  const traceId = traceIdOf(trace);
  const place = {
    partition,
    offset,
    at: record.body.at,
    cause: record.body.cause,
    ...(traceId !== undefined && { traceId }),
  };
  if (record.kind === "rejected") {
    const { ns, flow, key, code, detail } = record.body;
    return {
      kind: "rejected",
      ...place,
      namespace: ns,
      ...(flow !== undefined && { flow }),
      ...(key !== undefined && { key }),
      code,
      detail,
    };
  }
  const { from, effects, instance } = record.body;
  return {
    kind: "step",
    ...place,
    namespace: instance.ns,
    flow: instance.flow,
    key: instance.key,
    seq: instance.seq,
    status: instance.status,
    from,
    to: instance.state,
    effects: effects.map(({ verdict: _verdict, ...effect }) => effect),
    instance,
  };
}

import type { EpochMs } from "../contract/time.ts";
import {
  HISTORY_STEPS_MAX,
  type InstanceIndex,
  type InstanceQuery,
  type PlacedRejection,
  type RejectionPage,
  type RejectionQuery,
} from "../ports/state-store.ts";
import { encodePart, type InstanceId } from "../contract/names.ts";

/** How pages of a StateStore's look-ups are cut, alike in every adapter. */

/** Until when a page of due instances that was cut short is complete: others may share its last time. */
export function untilOf(page: readonly { readonly at: EpochMs }[], by: EpochMs): EpochMs {
  const last = page.at(-1);
  return last === undefined ? by : last.at - 1;
}

/** The place of a rejection in the list, newest first: to go on behind it. */
export function rejectionCursor({ at, partition, offset }: PlacedRejection): string {
  return `${at}/${partition}/${offset}`;
}

export function parseRejectionCursor(
  cursor: string | undefined,
): Pick<PlacedRejection, "at" | "partition" | "offset"> | undefined {
  const [at, partition, offset] = (cursor ?? "").split("/").map(Number);
  if (![at, partition, offset].every(Number.isSafeInteger)) return undefined;
  return { at, partition, offset } as PlacedRejection;
}

export function pageOfRejections(
  candidates: readonly PlacedRejection[],
  query: RejectionQuery,
): RejectionPage {
  const after = parseRejectionCursor(query.cursor);
  const rest = [...candidates].sort(newestFirst);
  const from = after === undefined ? 0 : rest.findIndex((one) => newestFirst(after, one) < 0);
  const items = from < 0 ? [] : rest.slice(from, from + query.limit);
  const last = items.at(-1);
  const more = from >= 0 && from + items.length < rest.length;
  return more && last !== undefined ? { items, next: rejectionCursor(last) } : { items };
}

type Placed = Pick<PlacedRejection, "at" | "partition" | "offset">;

function newestFirst(a: Placed, b: Placed): number {
  return b.at - a.at || b.partition - a.partition || b.offset - a.offset;
}

/** An instance's last steps after a commit: the repeat of one adds nothing. */
export function mergeSteps(
  before: readonly number[],
  { steps, begins }: { readonly steps: readonly number[]; readonly begins: boolean },
): readonly number[] {
  const [first] = steps;
  if (first === undefined) return before;
  const known = begins ? [] : before.filter((offset) => offset < first);
  return [...known, ...steps].slice(-HISTORY_STEPS_MAX);
}

/** Whether a look-up asks for this instance. */
export function isWanted(id: InstanceId, index: InstanceIndex, query: InstanceQuery): boolean {
  const ns = encodePart(query.ns);
  return (
    id.startsWith(`${ns}/`) &&
    (query.flow === undefined || index.flow === `${ns}/${encodePart(query.flow)}`) &&
    (query.state === undefined || index.states.includes(query.state)) &&
    (query.thing === undefined ||
      index.things?.includes(`${ns}/${encodePart(query.thing)}`) === true) &&
    (query.status === undefined || index.status === query.status)
  );
}

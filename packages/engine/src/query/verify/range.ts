import { startPosition } from "@millrace/shared/contract/position";
import { startBookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import { OperationalError } from "@millrace/shared/errors/operational";
import { recordAt } from "@millrace/shared/log/record-at";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { StoredPartition } from "@millrace/shared/ports/state-store";
import { type Floor, findFloor, positionOf, readFloor } from "../../runtime/floor.ts";

/** Where the journal is read from, so that the state of every instance is known when the range begins. */
export interface Begin extends StoredPartition {
  /**
   * Set where that is only so once a record has named this offset as a floor: what is live and was not
   * touched since stands between the two.
   */
  readonly floor: number | undefined;
}

/** @throws OperationalError LOG-006 when the journal neither begins at 0 nor at a floor */
export async function beginOf(
  log: EventLog,
  partition: number,
  since: EpochMs | undefined,
): Promise<Begin> {
  const { start, end } = await log.bounds("journal", partition);
  const to = since === undefined ? start : await offsetAt(log, partition, since, { start, end });
  const named = await findFloor(log, partition, start, to);
  if (named !== undefined) return { ...startAt(named), floor: undefined };
  if (start === 0) return { journal: startBookmark, input: startPosition, floor: undefined };
  const first = await readFloor(log, partition, start);
  if (first !== undefined) return { ...startAt(first), floor: start };
  throw new OperationalError(
    "LOG-006",
    { topic: "journal", partition, wanted: 0, start },
    `journal/${partition} begins at ${start}, and not with a checkpoint: what its instances were before is not known`,
  );
}

function startAt({ bookmark, checkpoint, offset }: Floor): StoredPartition {
  return { journal: bookmark, input: positionOf(checkpoint, offset) };
}

/** The first offset at or after a time; times of a partition do not fall. */
async function offsetAt(
  log: EventLog,
  partition: number,
  time: EpochMs,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<number> {
  let [low, high] = [start, end];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const record = await recordAt(log, "journal", partition, middle);
    if ((record?.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

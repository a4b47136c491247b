import { type Checkpoint, parseJournalHeader } from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import { type Position, startPosition } from "@millrace/shared/contract/position";
import { type Bookmark, startBookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import { OperationalError } from "@millrace/shared/errors/operational";
import { recordAt } from "@millrace/shared/log/record-at";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import type { StoredPartition } from "@millrace/shared/ports/state-store";

/** A checkpoint that every live instance has a record at or after: a fold may begin at it. */
export interface Floor {
  readonly offset: number;
  readonly time: EpochMs;
  /** Of a reader that takes the checkpoint next. */
  readonly bookmark: Bookmark;
  readonly checkpoint: Checkpoint;
}

/** Records of the journal's end that are looked through; every append has a record that names the floor. */
const WINDOW_RECORDS = 5_000;

/**
 * Where the fold of a partition begins when the store is of no use: at the newest floor, or at the
 * beginning of a log that has none yet.
 *
 * @param end up to where the journal is looked at
 * @throws OperationalError LOG-006 when the log neither begins at 0 nor has a floor
 */
export async function startOfFold(
  log: EventLog,
  partition: number,
  end: number,
): Promise<StoredPartition> {
  const { start } = await log.bounds("journal", partition);
  const floor = await findFloor(log, partition, start, end);
  if (floor !== undefined)
    return { journal: floor.bookmark, input: positionOf(floor.checkpoint, floor.offset) };
  if (start === 0) return { journal: startBookmark, input: startPosition };
  throw new OperationalError(
    "LOG-006",
    { topic: "journal", partition, wanted: 0, start },
    `journal/${partition} begins at ${start}, has no floor to begin at, and the store does not have what stood before`,
  );
}

/** Where a dispatcher without a bookmark begins: nothing before it is left to do. */
export async function startOfDispatch(log: EventLog, partition: number): Promise<Bookmark> {
  const { start, end } = await log.bounds("journal", partition);
  const floor = await findFloor(log, partition, start, end);
  const { dispatched } = floor?.checkpoint ?? {};
  if (dispatched !== undefined && dispatched.offset >= start) return dispatched;
  return (await readFloor(log, partition, start))?.bookmark ?? startBookmark;
}

/**
 * The newest floor that a record of the journal's end names.
 *
 * Only a record that counts may name one, and of an epoch without a foreign record in it every record
 * counts whose offset is that of its claim and its `n` together.
 */
export async function findFloor(
  log: EventLog,
  partition: number,
  start: number,
  end: number,
): Promise<Floor | undefined> {
  for (let to = end; to > start; to -= WINDOW_RECORDS) {
    const from = Math.max(start, to - WINDOW_RECORDS);
    let floor: number | undefined;
    for await (const batch of log.read("journal", partition, from, to)) {
      for (const record of batch) floor = floorNamedBy(record) ?? floor;
    }
    if (floor !== undefined && floor >= start) return await readFloor(log, partition, floor);
    if (start === 0) return undefined; // to fold all of it is right as well, and reads it once
  }
  return undefined;
}

function floorNamedBy({ offset, header: text }: LogRecord): number | undefined {
  const header = parseJournalHeader(text);
  if (header?.e === undefined || offset - header.e !== header.n) return undefined;
  return header.pos?.floor;
}

/** @returns undefined when what stands there is no checkpoint */
export async function readFloor(
  log: EventLog,
  partition: number,
  offset: number,
): Promise<Floor | undefined> {
  const record = await recordAt(log, "journal", partition, offset);
  const { kind, e: epoch, n } = parseJournalHeader(record?.header) ?? {};
  if (record === undefined || kind !== "checkpoint" || epoch === undefined || n === undefined)
    return undefined;
  const checkpoint = readJournalValue("checkpoint", record, partition);
  return { offset, time: record.time, bookmark: { offset, epoch, n: n - 1 }, checkpoint };
}

/** The input position that a checkpoint holds. */
export function positionOf(
  { offset, time, stamps }: Checkpoint,
  floor: number | undefined,
): Position {
  const entries = Object.entries(stamps).map(([w, [n, at]]) => [w, { n, time: at }] as const);
  return { offset, time, stamps: new Map(entries), ...(floor !== undefined && { floor }) };
}

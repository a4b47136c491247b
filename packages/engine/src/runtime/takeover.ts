import { isOperational, OperationalError } from "@millrace/shared/errors/operational";
import type { Position } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { StateStore, StoredPartition } from "@millrace/shared/ports/state-store";
import { type Evidence, evidenceBefore } from "./caution.ts";
import { startOfFold } from "./floor.ts";
import { Fold } from "./fold.ts";
import { OwnershipLost } from "./journal-writer.ts";

const FOLDED_MAX = 5_000;

export interface TakeoverParts {
  readonly log: EventLog;
  readonly store: StateStore;
  /** Names this process in its claim. */
  readonly worker: string;
  /** Instances that a long fold holds before it lets the store catch up. */
  readonly foldedMax?: number;
  /** Told with each batch what offset of the journal is folded; what it throws ends the fold. */
  readonly onFolded?: (offset: number) => void;
}

/** A partition that is claimed. */
export interface Claimed {
  readonly epoch: number;
  /** Log time of the claim. */
  readonly time: EpochMs;
  /** Where the journal begins. */
  readonly start: number;
  readonly held: StoredPartition;
  /** Whether the store begins anew from the journal. */
  readonly isAnew: boolean;
  /** Of an input that ended the owners before. */
  readonly evidence: Evidence | undefined;
}

/** What an ownership starts from, once the store is brought up to the claim. */
export interface TenureStart {
  readonly epoch: number;
  /** Where the journal begins. */
  readonly start: number;
  /** Of an input that ended the owners before. */
  readonly evidence: Evidence | undefined;
  /** Log time of the claim. */
  readonly time: EpochMs;
  /** The end of the journal: the claim is its last record. */
  readonly bookmark: Bookmark;
  readonly position: Position;
  /** What the store holds: all changes up to the claim, but perhaps not the claim itself. */
  readonly held: Bookmark;
}

/**
 * Takes a partition over: the claim record first, whose offset is the epoch; then the store is told.
 * The store is never asked for an epoch: one that was wiped or set back would answer an old one, and make
 * the partition dead. A store that holds nothing, or less than the log still has, begins anew at the floor.
 *
 * @param anew whether the store is to begin anew whatever it holds
 * @throws OperationalError LOG-005 when the journal is shorter than the store, LOG-006 when neither has
 * what is needed
 * @throws OwnershipLost when somebody else has claimed it since
 */
export async function takeOver(
  { log, store, worker }: TakeoverParts,
  partition: number,
  anew = false,
): Promise<Claimed> {
  const record = {
    key: null,
    header: JSON.stringify({ v: 1, kind: "claim", n: 0 }),
    value: JSON.stringify({ worker, log: log.id }),
  };
  const { offset: epoch, time } = await log.append("journal", partition, [record]);
  const { start } = await log.bounds("journal", partition);
  if (start > epoch) throw new OwnershipLost("the claim is cut already");
  const [held, evidence] = await Promise.all([
    store.claim(partition, epoch, log.id),
    unlessCut(log, partition, start, evidenceBefore(log, partition, start, epoch, worker)),
  ]);
  if (held.journal.offset > epoch + 1) {
    const { end } = await log.bounds("journal", partition);
    if (held.journal.offset > end) throw aheadOfJournal(partition, held.journal.offset, end);
    throw new OwnershipLost("a newer claim has brought the store further");
  }
  const isBlank = held.journal.offset === 0 && epoch > 0;
  if (!anew && !isBlank && held.journal.offset >= start)
    return { epoch, time, start, held, isAnew: false, evidence };
  const begun = await unlessCut(log, partition, start, startOfFold(log, partition, epoch));
  await store.restart(partition, epoch, begun, epoch + 1);
  return { epoch, time, start, held: begun, isAnew: true, evidence };
}

/** Tells a log that was cut while it was read from one that lacks what is needed. */
async function unlessCut<T>(
  log: EventLog,
  partition: number,
  start: number,
  reading: Promise<T>,
): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!isOperational(error, "LOG-006")) throw error;
    const now = await log.bounds("journal", partition);
    if (now.start === start) throw error;
    throw new OwnershipLost("the journal was cut while it was read");
  }
}

/**
 * Brings the store from where it stands up to the claim, by a fold of the journal.
 *
 * @returns the fold's position, and what the store holds of it: perhaps not the claim itself
 * @throws OwnershipLost when the journal is cut meanwhile: a new claim begins at the newer floor
 */
export async function catchUp(
  { log, store, foldedMax = FOLDED_MAX, onFolded }: TakeoverParts,
  partition: number,
  { epoch, start, held }: Claimed,
): Promise<{ readonly folded: StoredPartition; readonly held: StoredPartition }> {
  const fold = new Fold(partition, held);
  let stored = held;
  const commit = async (): Promise<void> => {
    const { bookmark: to, position: input } = fold;
    const change = { from: stored.journal, to, input, ...fold.drain(), due: { after: 0, by: 0 } };
    await store.commit(partition, epoch, change);
    stored = { journal: to, input };
  };
  const read = async (): Promise<void> => {
    for await (const batch of log.read("journal", partition, held.journal.offset, epoch + 1)) {
      onFolded?.(fold.bookmark.offset);
      for (const one of batch) fold.take(one);
      if (fold.changes >= foldedMax) await commit();
    }
  };
  await unlessCut(log, partition, start, read());
  if (fold.changes > 0) await commit();
  return { folded: { journal: fold.bookmark, input: fold.position }, held: stored };
}

function aheadOfJournal(partition: number, held: number, end: number): OperationalError<"LOG-005"> {
  return new OperationalError(
    "LOG-005",
    { topic: "journal", partition, offset: end },
    `the store has journal/${partition} up to ${held}, but the journal ends at ${end}: it has lost records`,
  );
}

import type { EpochMs } from "./time.ts";

/**
 * How far a partition's input log has been read, and by whose hand it was written.
 *
 * The last record of every append to the journal carries the change, so that the store takes both from
 * the journal and is never ahead of it (invariant I4).
 */
export interface Position {
  /** Offset of the next input record to read. */
  readonly offset: number;
  /** Log time of the input read so far; never runs back. */
  readonly time: EpochMs;
  /** The highest `n` taken from each writer, and when. */
  readonly stamps: ReadonlyMap<string, Stamp>;
  /** Offset in the journal of the checkpoint that a fold may begin at; none before the first. */
  readonly floor?: number | undefined;
}

export interface Stamp {
  readonly n: number;
  readonly time: EpochMs;
}

/** What an append adds to a position: `stamps` holds only the writers that it moved. */
export interface PositionChange {
  readonly offset: number;
  readonly time: EpochMs;
  readonly stamps?: Readonly<Record<string, number>> | undefined;
  readonly floor?: number | undefined;
}

export const startPosition: Position = { offset: 0, time: 0, stamps: new Map() };

/** A process's random name is forgotten after a day of silence; its longest repeat is far shorter. */
export const WRITER_SILENT_MS_MAX = 24 * 60 * 60 * 1000;
/**
 * Of more names than that, as nobody but a stranger to the log writes, those that were silent for longest
 * are forgotten: a checkpoint, which holds all of them, has to fit into a record.
 */
export const WRITERS_MAX = 2_000;
/** So many are left then, so that it is not done with each change. */
const WRITERS_KEPT = 1_000;

/**
 * Copies and sends are stamped with the log that they come from. They are few, as partitions are, and written
 * again by whoever takes over after an outage of any length: they are never forgotten.
 */
const isLog = (writer: string): boolean => /^(events|journal)\/\d{1,4}$/.test(writer);

/** Applies a journalled change. Pure and total, so that every fold forgets the same writers. */
export function movePosition(from: Position, change: PositionChange): Position {
  const time = Math.max(from.time, change.time);
  const stamps = new Map(from.stamps);
  for (const [writer, n] of Object.entries(change.stamps ?? {})) stamps.set(writer, { n, time });
  for (const [writer, stamp] of stamps) {
    if (stamp.time < time - WRITER_SILENT_MS_MAX && !isLog(writer)) stamps.delete(writer);
  }
  if (stamps.size > WRITERS_MAX) forgetSilent(stamps);
  const floor = change.floor ?? from.floor;
  const offset = Math.max(from.offset, change.offset);
  return { offset, time, stamps, ...(floor !== undefined && { floor }) };
}

/** In an order that every fold has: by time, then by name. */
function forgetSilent(stamps: Map<string, Stamp>): void {
  const names = [...stamps].filter(([writer]) => !isLog(writer));
  if (names.length <= WRITERS_MAX) return;
  names.sort(([a, one], [b, other]) => other.time - one.time || (a < b ? -1 : 1));
  for (const [writer] of names.slice(WRITERS_KEPT)) stamps.delete(writer);
}

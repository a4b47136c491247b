import { isOperational, OperationalError } from "@millrace/shared/errors/operational";
import { type Clock, sleep } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { StateStore } from "@millrace/shared/ports/state-store";
import { OwnershipLost } from "../runtime/journal-writer.ts";
import { catchUp, type TakeoverParts, takeOver } from "../runtime/takeover.ts";

export interface RebuildParts extends Omit<TakeoverParts, "onFolded"> {
  readonly clock: Clock;
}

export interface RebuildProgress {
  readonly partition: number;
  /** Offsets of the journal: where the fold began, how far it is, and how far it has to come. */
  readonly from: number;
  readonly at: number;
  readonly to: number;
}

/** How often it is looked how far somebody else is. */
const LOOK_MS = 500;

/**
 * Makes what the store holds of a partition anew, from the journal. The store forgets it at once, so that
 * nothing of the old is left beside the new; one that was interrupted goes on where it stopped.
 *
 * It claims the partition, as an engine does. An engine that works on it claims it again, and goes on
 * with the rebuild itself; then this only looks on.
 *
 * @param anew whether one that was interrupted begins anew, too
 */
export async function rebuild(
  parts: RebuildParts,
  partition: number,
  anew: boolean,
  onProgress: (progress: RebuildProgress) => void,
): Promise<void> {
  for (;;) {
    try {
      return await rebuildOnce(parts, partition, anew, onProgress);
    } catch (error) {
      // An owner cut the journal at its floor, or claimed it meanwhile.
      if (!(error instanceof OwnershipLost)) throw error;
    }
  }
}

async function rebuildOnce(
  { clock, ...parts }: RebuildParts,
  partition: number,
  anew: boolean,
  onProgress: (progress: RebuildProgress) => void,
): Promise<void> {
  const { store } = parts;
  const before = await store.position(partition);
  const goesOn = before?.until !== undefined && !anew;
  const claimed = await takeOver(parts, partition, !goesOn);
  const from = claimed.held.journal.offset;
  const to = claimed.epoch + 1;
  const onFolded = (at: number): void => onProgress({ partition, from, at, to });
  onFolded(from);
  try {
    const { folded, held } = await catchUp({ ...parts, onFolded }, partition, claimed);
    const { journal, input } = folded;
    const rest = { instances: [], rejections: [], due: { after: 0, by: 0 } };
    await store.commit(partition, claimed.epoch, {
      from: held.journal,
      to: journal,
      input,
      ...rest,
    });
  } catch (error) {
    if (!isOperational(error, "STATE-001", "STATE-002")) throw error;
    await lookOn({ store, clock }, partition, onFolded);
  }
  onFolded(to);
}

/** Waits until whoever has the partition now is done. */
async function lookOn(
  { store, clock }: Pick<RebuildParts, "store" | "clock">,
  partition: number,
  onFolded: (at: number) => void,
): Promise<void> {
  for (;;) {
    const held = await store.position(partition);
    if (held !== undefined && held.until === undefined) return;
    if (held !== undefined) onFolded(held.journal.offset);
    await sleep(clock, LOOK_MS);
  }
}

/** @throws OperationalError STATE-005 when one of these partitions is not yet whole in the store */
export async function refuseWhileRebuilt(
  { log, store }: { readonly log: EventLog; readonly store: StateStore },
  partitions: readonly number[],
): Promise<void> {
  await Promise.all(
    partitions.map(async (partition) => {
      const held = await store.position(partition);
      if (held !== undefined && held.until === undefined) return;
      const until = held?.until ?? (await log.bounds("journal", partition)).end;
      if (until === 0) return; // nobody has ever worked on it
      const at = held?.journal.offset ?? 0;
      throw new OperationalError(
        "STATE-005",
        { partition, at, until },
        `partition ${partition} is at ${at} of ${until} records of its journal; ask again in a moment`,
      );
    }),
  );
}

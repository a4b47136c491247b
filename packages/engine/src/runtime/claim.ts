import { OperationalError } from "@millrace/shared/errors/operational";
import { Fold } from "./fold.ts";
import type { EngineHost } from "./engine-host.ts";
import { Tenure } from "./tenure.ts";

/** Instances that a long fold holds before it lets the store catch up. */
const FOLDED_MAX = 5_000;

/**
 * Takes a partition over: the claim record first, whose offset is the epoch; then the store is told,
 * and brought from where it stands up to the claim by a fold of the journal. The store is never asked for
 * an epoch: one that was wiped or set back would answer an old one, and make the partition dead.
 *
 * @param isGivenUp asked during a long fold
 * @returns undefined when it is given up
 */
export async function claim(
  partition: number,
  host: EngineHost,
  isGivenUp: () => boolean,
): Promise<Tenure | undefined> {
  const { log, store } = host;
  const record = {
    key: null,
    header: JSON.stringify({ v: 1, kind: "claim", n: 0 }),
    value: JSON.stringify({ worker: host.worker, log: log.id }),
  };
  const { offset: epoch, time } = await log.append("journal", partition, [record]);
  host.counters.claims += 1;
  let held = await store.claim(partition, epoch, log.id);
  if (held.journal.offset > epoch + 1) throw aheadOfJournal(partition, held.journal.offset, epoch);
  const fold = new Fold(partition, held);
  const catchUp = async (): Promise<void> => {
    const { bookmark: to, position: input } = fold;
    const change = { from: held.journal, to, input, ...fold.drain(), due: { after: 0, by: 0 } };
    await store.commit(partition, epoch, change);
    held = { journal: to, input };
  };
  for await (const batch of log.read("journal", partition, held.journal.offset, epoch + 1)) {
    if (isGivenUp()) return undefined;
    for (const one of batch) fold.take(one);
    if (fold.changes >= FOLDED_MAX) await catchUp();
  }
  if (fold.changes > 0) await catchUp();
  const { bookmark, position } = fold;
  return new Tenure(partition, { epoch, time, bookmark, position, held: held.journal }, host);
}

function aheadOfJournal(
  partition: number,
  held: number,
  epoch: number,
): OperationalError<"LOG-005"> {
  return new OperationalError(
    "LOG-005",
    { topic: "journal", partition, offset: epoch },
    `the store has journal/${partition} up to ${held}, but the journal ends at ${epoch}: it has lost records`,
  );
}

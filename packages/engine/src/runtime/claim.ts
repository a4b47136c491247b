import { isOperational } from "@millrace/shared/errors/operational";
import { type Evidence, hungOnBefore } from "./caution.ts";
import type { EngineHost } from "./engine-host.ts";
import { OwnershipLost } from "./journal-writer.ts";
import { catchUp, takeOver } from "./takeover.ts";
import { Tenure } from "./tenure.ts";

/**
 * Claims a partition, and brings the store up to the claim.
 *
 * @param isGivenUp asked during a long fold; the next claim goes on from what is committed
 * @throws OwnershipLost when it is given up
 */
export async function claim(
  partition: number,
  host: EngineHost,
  isGivenUp: () => boolean,
): Promise<Tenure> {
  const claimed = await takeOver(host, partition);
  host.counters.claims += 1;
  const { epoch, time, start, isAnew } = claimed;
  const evidence = evidenceOf(claimed.evidence, partition, host);
  if (isAnew) {
    const from = claimed.held.journal.offset;
    host.onEvent("debug", "the store begins anew from the journal", { partition, from, to: epoch });
  }
  if (evidence?.tried !== undefined)
    host.onEvent("error", "the last owner ended with an input in hand", {
      partition,
      ...evidence.tried,
    });
  const onFolded = (): void => {
    if (isGivenUp()) throw new OwnershipLost("given up while it was claimed");
  };
  const parts = { ...host, onFolded };
  const { folded, held } = await catchUp(parts, partition, claimed).catch((error: unknown) => {
    if (!isOperational(error, "LOG-006")) throw error;
    // The owner before is alive, and cuts at its floor: the next claim begins there.
    throw new OwnershipLost("the journal was cut while it was folded");
  });
  const { journal: bookmark, input: position } = folded;
  const tenure = { epoch, time, start, bookmark, position, held: held.journal, evidence };
  return new Tenure(partition, tenure, host);
}

/** What the journal says of an input that ends its owners; else what the process before this one said. */
function evidenceOf(
  journalled: Evidence | undefined,
  partition: number,
  host: EngineHost,
): Evidence | undefined {
  const hungOn = host.takeHungOn(partition);
  if (journalled?.tried !== undefined || hungOn === undefined) return journalled;
  return hungOnBefore(hungOn);
}

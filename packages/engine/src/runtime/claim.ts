import { type Evidence, hungOnBefore } from "./caution.ts";
import type { EngineHost } from "./engine-host.ts";
import { OwnershipLost } from "./journal-writer.ts";
import { catchUp, takeOver } from "./takeover.ts";
import { Tenure } from "./tenure.ts";

/**
 * Claims a partition, and brings the store up to the claim.
 *
 * @param isGivenUp asked during a long fold; the next claim goes on from what is committed
 * @throws OwnershipLost when it is given up, or the journal is cut meanwhile
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
      times: evidence.by.length,
    });
  const onFolded = (): void => {
    if (isGivenUp()) throw new OwnershipLost("given up while it was claimed");
  };
  const parts = { ...host, foldedMax: host.options.foldedMax, onFolded };
  const { folded, held } = await catchUp(parts, partition, claimed);
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

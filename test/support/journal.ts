import {
  parseJournalHeader,
  type Rejected,
  type Step,
} from "@millrace/shared/contract/journal-record";
import { JournalReader } from "@millrace/shared/contract/reader";
import type { EventLog } from "@millrace/shared/ports/event-log";
import { onLog } from "./log.ts";
import type { TestInstallation } from "./millrace.ts";

/** What stands in a journal, by the reader's rule. */
export interface ReadJournal {
  /** Steps by instance key, oldest first. */
  readonly steps: ReadonlyMap<string, readonly Step[]>;
  readonly claims: number;
  /** Records that do not count: late appends of those who had lost their partition. */
  readonly void: number;
  readonly rejections: readonly Rejected[];
}

/** Reads a whole journal; it must not grow meanwhile. @throws when records are missing in it */
async function readJournal(log: EventLog): Promise<ReadJournal> {
  const steps = new Map<string, Step[]>();
  const rejections: Rejected[] = [];
  const counts = { claims: 0, void: 0 };
  for (let partition = 0; partition < log.partitions; partition++) {
    const { start, end } = await log.bounds("journal", partition);
    const reader = new JournalReader();
    for await (const batch of log.read("journal", partition, start, end)) {
      for (const record of batch) {
        const header = parseJournalHeader(record.header);
        const reading = reader.read(record.offset, header);
        if (reading === "gap") throw new Error(`journal/${partition}: gap before ${record.offset}`);
        if (reading === "claim") counts.claims += 1;
        if (reading === "void") counts.void += 1;
        if (reading !== "counts" || header === undefined) continue;
        const body: unknown = JSON.parse(record.value?.toString() ?? "null");
        if (header.kind === "rejected") rejections.push(body as Rejected);
        if (header.kind !== "step") continue;
        const step = body as Step;
        const { key } = step.instance;
        const known = steps.get(key);
        if (known === undefined) steps.set(key, [step]);
        else known.push(step);
      }
    }
  }
  return { steps, rejections, ...counts };
}

/** The journal of an installation. */
export function journalOf(installation: TestInstallation): Promise<ReadJournal> {
  return onLog(installation, readJournal);
}

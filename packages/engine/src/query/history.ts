import { parseJournalHeader, type Step } from "@millrace/shared/contract/journal-record";
import { type InstanceRef, instanceId, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import { JournalReader } from "@millrace/shared/contract/reader";
import type { Clock } from "@millrace/shared/ports/clock";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import type { StateStore } from "@millrace/shared/ports/state-store";
import { type CausePayload, causePayloads } from "./cause-payloads.ts";
import { runsOf } from "./offset-runs.ts";

/** A step as it stands in the journal. */
interface RecordedStep {
  readonly offset: number;
  readonly step: Step;
  readonly trace: string | undefined;
}

/** A step with the payload of its cause; a timer has none. */
export interface CausedStep extends RecordedStep {
  readonly caused: CausePayload | undefined;
}

export interface RecordedPage {
  /** Newest first. */
  readonly steps: readonly CausedStep[];
  /** The seq to go on before, where there is more, or the search took too long. */
  readonly next: number | undefined;
}

/** Records nearer than this are read in one go: to seek costs about as much as to read a thousand. */
const GAP_RECORDS_MAX = 1_000;
const CHUNK_RECORDS = 5_000;
const SEARCH_MS_MAX = 3_000;

/**
 * The steps of an instance, from the journal. The last 64 are found by the offsets that the store
 * keeps; older ones by going through the journal backwards, for as long as is reasonable.
 */
export class History {
  readonly #log: EventLog;
  readonly #store: StateStore;
  readonly #clock: Clock;

  constructor(parts: { log: EventLog; store: StateStore; clock: Clock }) {
    this.#log = parts.log;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  async page(
    ref: InstanceRef,
    { beforeSeq, limit }: { readonly beforeSeq?: number; readonly limit: number },
  ): Promise<RecordedPage> {
    const partition = partitionOf(logKey(ref.ns, ref.key), this.#log.partitions);
    const id = instanceId(ref);
    const [instance, offsets] = await Promise.all([
      this.#store.instance(partition, id),
      this.#store.history(partition, id),
    ]);
    if (instance === undefined) return { steps: [], next: undefined };
    const { start, end } = await this.#log.bounds("journal", partition);
    // The newest offset is the instance's last step; each one before it the step before.
    const known = offsets.map((offset, i) => ({
      offset,
      seq: instance.seq - (offsets.length - 1 - i),
    }));
    const from = beforeSeq ?? instance.seq + 1;
    const kept = known.filter(({ offset }) => offset >= start);
    const wanted = kept.filter(({ seq }) => seq < from).slice(-limit);
    const steps = (
      await this.#readAt(
        partition,
        wanted.map(({ offset }) => offset),
        ref,
      )
    ).toReversed();
    const missing = limit - steps.length;
    // After a rebuild the store knows the steps since the floor, or none.
    const oldest = kept[0] ?? { offset: end, seq: instance.seq + 1 };
    if (missing > 0 && oldest.seq > 1) {
      const before = Math.min(from, oldest.seq);
      const older = await this.#searchBack(partition, oldest.offset, start, ref, before, missing);
      steps.push(...older);
    }
    const last = steps.at(-1)?.step.instance.seq ?? from;
    return {
      steps: await this.#withPayloads(partition, steps),
      next: last > 1 ? last : undefined,
    };
  }

  async #withPayloads(partition: number, steps: readonly RecordedStep[]): Promise<CausedStep[]> {
    const parts = { log: this.#log, clock: this.#clock };
    const offsets = steps.flatMap(({ step }) => step.cause.offset ?? []);
    const payloads = await causePayloads(parts, partition, offsets);
    return steps.map((one) => ({ ...one, caused: payloads.get(one.step.cause.offset ?? -1) }));
  }

  /** Reads the steps at these offsets, near ones together. */
  async #readAt(
    partition: number,
    offsets: readonly number[],
    ref: InstanceRef,
  ): Promise<RecordedStep[]> {
    const wanted = new Set(offsets);
    const found: RecordedStep[] = [];
    for (const [first, last] of runsOf(offsets, GAP_RECORDS_MAX)) {
      for await (const batch of this.#log.read("journal", partition, first, last + 1)) {
        for (const record of batch) {
          const step = wanted.has(record.offset) ? stepOf(record, ref, partition) : undefined;
          if (step !== undefined) found.push(step);
        }
      }
    }
    return found;
  }

  async #searchBack(
    partition: number,
    below: number,
    start: number,
    ref: InstanceRef,
    beforeSeq: number,
    limit: number,
  ): Promise<RecordedStep[]> {
    const end = this.#clock.monotonicMs() + SEARCH_MS_MAX;
    const found: RecordedStep[] = [];
    let to = below;
    while (to > start && found.length < limit && this.#clock.monotonicMs() < end) {
      const from = Math.max(start, to - CHUNK_RECORDS);
      const chunk: LogRecord[] = [];
      for await (const batch of this.#log.read("journal", partition, from, to))
        chunk.push(...batch);
      const steps = countingRecords(chunk)
        .flatMap((record) => stepOf(record, ref, partition) ?? [])
        .filter(({ step }) => step.instance.seq < beforeSeq);
      found.push(...steps.toReversed());
      if (found.at(-1)?.step.instance.seq === 1) break;
      to = from;
    }
    return found.slice(0, limit);
  }
}

function stepOf(
  record: LogRecord,
  { ns, flow, key }: InstanceRef,
  partition: number,
): RecordedStep | undefined {
  if (record.key !== logKey(ns, key)) return undefined;
  const header = parseJournalHeader(record.header);
  if (header?.kind !== "step") return undefined;
  const step = readJournalValue("step", record, partition);
  if (step.instance.flow !== flow) return undefined;
  return { offset: record.offset, step, trace: header.trace };
}

/**
 * The records that count in a stretch that may begin anywhere.
 *
 * Before its first claim, only one epoch can count: the highest that is named there, for a record never
 * names a claim that does not stand before it.
 */
export function countingRecords(records: readonly LogRecord[]): LogRecord[] {
  const headers = records.map(({ header }) => parseJournalHeader(header));
  const claim = headers.findIndex((header) => header?.kind === "claim");
  const before = claim < 0 ? headers : headers.slice(0, claim);
  const epoch = Math.max(-1, ...before.map((header) => header?.e ?? -1));
  const first = before.find((header) => header?.e === epoch);
  const reader = new JournalReader({
    offset: records[0]?.offset ?? 0,
    epoch,
    n: (first?.n ?? 1) - 1,
  });
  return records.filter((record, i) => reader.read(record.offset, headers[i]) === "counts");
}

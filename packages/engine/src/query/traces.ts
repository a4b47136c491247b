import { parseEventHeader } from "@millrace/shared/contract/event-record";
import type { Json } from "@millrace/shared/contract/json";
import {
  parseJournalHeader,
  type Rejected,
  type Step,
} from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import type { EpochMs } from "@millrace/shared/contract/time";
import { traceIdOf } from "@millrace/shared/contract/trace";
import { recordAt } from "@millrace/shared/log/record-at";
import type { Clock } from "@millrace/shared/ports/clock";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import { shownPayload } from "./cause-payloads.ts";
import { countingRecords } from "./history.ts";

/** The event that a step or a rejection came of, as it stands in `events`. */
export interface TracedInput {
  readonly offset: number;
  /** When the log took it. */
  readonly at: EpochMs;
  /** As a history shows it. */
  readonly payload: Json;
  /** Of a copy: when the log took the original, and where that stands. */
  readonly original?: { readonly at: EpochMs; readonly partition: number; readonly offset: number };
}

/** A record of the journal that belongs to a trace. */
export interface TracedRecord {
  readonly partition: number;
  readonly offset: number;
  /** When the journal took it. */
  readonly at: EpochMs;
  readonly trace: string;
  readonly decided: { readonly step: Step } | { readonly rejected: Rejected };
  /** Absent where a timer fired, and where the event is deleted. */
  readonly input: TracedInput | undefined;
}

/** Where a search goes on: in a partition, below an offset. */
export interface TraceCursor {
  readonly partition: number;
  readonly below?: number | undefined;
}

export interface TracePage {
  readonly records: readonly TracedRecord[];
  /** Records of the journal that were looked at for this page. */
  readonly searched: number;
  readonly next: TraceCursor | undefined;
}

const CHUNK_RECORDS = 5_000;
const SEARCH_MS_MAX = 2_000;

/**
 * The records of one trace, from the journal alone. Nothing finds them but a search: partition by
 * partition, from the end back to a time, a page for as long as is reasonable.
 */
export class TraceSearch {
  readonly #log: EventLog;
  readonly #clock: Clock;

  constructor(parts: { log: EventLog; clock: Clock }) {
    this.#log = parts.log;
    this.#clock = parts.clock;
  }

  /** @param since log time at which older records are not looked at any more */
  async page(traceId: string, since: EpochMs, from: TraceCursor): Promise<TracePage> {
    const endMs = this.#clock.monotonicMs() + SEARCH_MS_MAX;
    const records: TracedRecord[] = [];
    let searched = 0;
    let place: TraceCursor | undefined = from;
    while (place !== undefined && this.#clock.monotonicMs() < endMs) {
      const chunk = await this.#chunkBelow(place);
      searched += chunk.length;
      records.push(...(await this.#found(chunk, traceId, since, place.partition)));
      place = this.#after(place, chunk, since);
    }
    return { records, searched, next: place };
  }

  async #chunkBelow({ partition, below }: TraceCursor): Promise<readonly LogRecord[]> {
    const { start, end } = await this.#log.bounds("journal", partition);
    const to = Math.min(below ?? end, end);
    const from = Math.max(start, to - CHUNK_RECORDS);
    const chunk: LogRecord[] = [];
    if (from >= to) return chunk;
    for await (const batch of this.#log.read("journal", partition, from, to)) chunk.push(...batch);
    return chunk;
  }

  /** @returns undefined when the last partition is searched */
  #after(
    { partition }: TraceCursor,
    chunk: readonly LogRecord[],
    since: EpochMs,
  ): TraceCursor | undefined {
    const [first] = chunk;
    if (first !== undefined && first.offset > 0 && first.time >= since)
      return { partition, below: first.offset };
    return partition + 1 < this.#log.partitions ? { partition: partition + 1 } : undefined;
  }

  async #found(
    chunk: readonly LogRecord[],
    traceId: string,
    since: EpochMs,
    partition: number,
  ): Promise<TracedRecord[]> {
    if (!chunk.some(({ header }) => header?.includes(traceId))) return [];
    const found: TracedRecord[] = [];
    for (const record of countingRecords(chunk)) {
      const { offset, time: at } = record;
      if (at < since || record.header?.includes(traceId) !== true) continue;
      const { kind, trace } = parseJournalHeader(record.header) ?? {};
      if (trace === undefined || traceIdOf(trace) !== traceId) continue;
      if (kind !== "step" && kind !== "rejected") continue;
      const decided =
        kind === "step"
          ? { step: readJournalValue("step", record, partition) }
          : { rejected: readJournalValue("rejected", record, partition) };
      const { cause } = "step" in decided ? decided.step : decided.rejected;
      const input = await this.#input(partition, cause.offset);
      found.push({ partition, offset, at, trace, decided, input });
    }
    return found;
  }

  async #input(partition: number, offset: number | undefined): Promise<TracedInput | undefined> {
    if (offset === undefined) return undefined;
    const record = await recordAt(this.#log, "events", partition, offset);
    if (record === undefined) return undefined;
    const header = parseEventHeader(record.header);
    const source = "malformed" in header ? undefined : /^events\/(\d+)$/.exec(header.w)?.[1];
    const payload = shownPayload(record.value);
    if (source === undefined || "malformed" in header) return { offset, at: record.time, payload };
    const originalAt = header.kind === "device" ? (header.at ?? record.time) : record.time;
    const original = { at: originalAt, partition: Number(source), offset: header.n };
    return { offset, at: record.time, payload, original };
  }
}

import { parseHeader } from "../contract/header.ts";
import { parseRegistryRecord, type RegistryRecord } from "../contract/registry-record.ts";
import type { EpochMs } from "../contract/time.ts";
import { isOperational } from "../errors/operational.ts";
import type { Catalogue } from "../flow/catalogue.ts";
import { type Clock, randomName, sleep } from "../ports/clock.ts";
import type { EventLog, LogRecord, NewRecord } from "../ports/event-log.ts";

const REPEAT_MS = 200;
/** What one append holds at most, unless one record is more. */
const APPEND_CHARS_MAX = 500_000;

/**
 * The registry as one process keeps up with it: all of it read at start, then followed.
 *
 * Records are stamped like events, so that a repeat of an append that was not answered cannot set an
 * older flow version back in.
 */
export class Registry {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #catalogue: Catalogue;
  readonly #writer: string;
  readonly #repeats = new Repeats();
  readonly #waiting = new Set<() => void>();
  #n = 0;
  #appending: Promise<unknown> = Promise.resolve();
  #stop: (() => Promise<void>) | undefined;

  constructor(log: EventLog, catalogue: Catalogue, clock: Clock) {
    this.#log = log;
    this.#catalogue = catalogue;
    this.#clock = clock;
    this.#writer = randomName(clock, "r");
  }

  /** Resolves when everything that the registry holds now is known here. */
  async start(): Promise<void> {
    const { start } = await this.#log.bounds("registry", 0);
    const from = Math.max(start, this.#catalogue.offset);
    this.#stop = await this.#log.follow("registry", 0, from, (records) => this.#take(records));
    await this.read();
  }

  /** Resolves when this process has read all that the registry holds now. */
  async read(): Promise<void> {
    const { start, end } = await this.#log.bounds("registry", 0);
    if (start === end) return; // the offset would wait for records that were deleted
    while (this.#catalogue.offset < end) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves when the log has the records and this process has read them. */
  async publish(...records: readonly RegistryRecord[]): Promise<void> {
    for (const batch of batchesOf(records.map((record) => this.#stamped(record)))) {
      const append = this.#appending.then(() => this.#appendUntilAnswered(batch));
      this.#appending = append.catch(() => {});
      await append;
    }
    await this.read();
  }

  #stamped(record: RegistryRecord): NewRecord {
    this.#n += 1;
    const header = JSON.stringify({ v: 1, kind: record.kind, w: this.#writer, n: this.#n });
    const key = "name" in record ? `${record.ns}/${record.name}` : null;
    return { key, header, value: JSON.stringify(record) };
  }

  async #appendUntilAnswered(records: readonly NewRecord[]) {
    for (;;) {
      try {
        return await this.#log.append("registry", 0, records);
      } catch (error) {
        if (!isOperational(error, "LOG-002")) throw error;
        await sleep(this.#clock, REPEAT_MS);
      }
    }
  }

  #take(records: readonly LogRecord[]): void {
    for (const { offset, header, value } of records) {
      const repeat = this.#repeats.has(header);
      this.#catalogue.apply(offset, repeat ? undefined : parseRegistryRecord(value));
    }
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async stop(): Promise<void> {
    await this.#stop?.();
  }
}

/** Which records were seen before, by their stamps. */
class Repeats {
  readonly #stamps = new Map<string, number>();

  /** Takes note of a record's stamp. @returns whether it came before */
  has(header: string | undefined): boolean {
    const { w, n } = (parseHeader(header) ?? {}) as { w?: unknown; n?: unknown };
    if (typeof w !== "string" || typeof n !== "number") return false;
    if (n <= (this.#stamps.get(w) ?? 0)) return true;
    this.#stamps.set(w, n);
    return false;
  }
}

/** A record of the registry, and when the log took it. */
export interface RegistryEntry {
  readonly offset: number;
  readonly time: EpochMs;
  readonly record: RegistryRecord;
}

/** Reads what the registry holds now, repeats and what is no record of ours left out. */
export async function readRegistry(log: EventLog): Promise<readonly RegistryEntry[]> {
  const { start, end } = await log.bounds("registry", 0);
  const repeats = new Repeats();
  const entries: RegistryEntry[] = [];
  for await (const batch of log.read("registry", 0, start, end)) {
    for (const { offset, time, header, value } of batch) {
      const record = repeats.has(header) ? undefined : parseRegistryRecord(value);
      if (record !== undefined) entries.push({ offset, time, record });
    }
  }
  return entries;
}

function batchesOf(records: readonly NewRecord[]): NewRecord[][] {
  const batches: NewRecord[][] = [];
  let room = 0;
  for (const record of records) {
    const size = (record.value?.length ?? 0) + 200; // a rough 200 for its key and header
    if (size > room) {
      batches.push([]);
      room = APPEND_CHARS_MAX;
    }
    batches.at(-1)?.push(record);
    room -= size;
  }
  return batches;
}

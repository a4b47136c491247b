import {
  type JournalHeader,
  parseJournalHeader,
  type Rejected,
  type Step,
} from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import {
  type Bookmark,
  gapError,
  JournalReader,
  startBookmark,
} from "@millrace/shared/contract/reader";
import { OperationalError } from "@millrace/shared/errors/operational";
import { type Clock, randomName } from "@millrace/shared/ports/clock";
import type { EventLog, LogRecord, Subscription } from "@millrace/shared/ports/event-log";
import type { StateStore } from "@millrace/shared/ports/state-store";

/** A record of the journal that counts, and is of interest to those who look on. */
export type TailedRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly trace: string | undefined;
} & (
  | { readonly kind: "step"; readonly body: Step }
  | { readonly kind: "rejected"; readonly body: Rejected }
);

export interface TailListener {
  /** @param next how far every partition is behind these records */
  take(records: readonly TailedRecord[], next: readonly Bookmark[]): void;
  failed(error: unknown): void;
}

export interface JournalTailParts {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly clock: Clock;
}

/** Records that wait for a listener which still reads what came before; then it is let go. */
const WAITING_MAX = 20_000;

/**
 * What is journalled in all partitions, for any number of listeners: one subscription for all of them,
 * for as long as there is one.
 */
export class JournalTail {
  readonly #parts: JournalTailParts;
  readonly #listeners = new Set<TailListener>();
  #readers: readonly JournalReader[] = [];
  #running: Promise<Subscription> | undefined;

  constructor(parts: JournalTailParts) {
    this.#parts = parts;
  }

  /** How far every partition is read; from there on listeners are told. */
  async bookmarks(): Promise<readonly Bookmark[]> {
    await (this.#running ??= this.#start());
    return this.#readers.map((reader) => reader.bookmark);
  }

  /** Tells what follows `from`, and then what comes, until the function that it returns is called. */
  async listen(from: readonly Bookmark[], told: TailListener): Promise<() => void> {
    const listener = behind(from, told);
    const present = await this.bookmarks();
    const waiting: { records: readonly TailedRecord[]; next: readonly Bookmark[] }[] = [];
    let count = 0;
    let gone = false;
    const collector: TailListener = {
      take(records, next) {
        count += records.length;
        if (count > WAITING_MAX) return collector.failed(new Error("too far behind"));
        waiting.push({ records, next });
      },
      failed: (error) => {
        leave();
        listener.failed(error);
      },
    };
    const leave = (): void => {
      gone = true;
      this.#leave(collector);
      this.#leave(listener);
    };
    // While it reads what came before, what comes waits.
    this.#listeners.add(collector);
    const next = [...from];
    const catchUp = async (): Promise<void> => {
      for (const [partition, { offset }] of present.entries()) {
        const reader = new JournalReader(from[partition]);
        if (offset <= reader.offset) continue;
        const batches = this.#parts.log.read("journal", partition, reader.offset, offset);
        for await (const batch of batches) {
          if (gone) return;
          const records = readAll(reader, partition, batch);
          next[partition] = reader.bookmark;
          if (records.length > 0) listener.take(records, [...next]);
        }
      }
      if (gone) return;
      this.#listeners.delete(collector);
      this.#listeners.add(listener);
      for (const one of waiting) listener.take(one.records, one.next);
    };
    catchUp().catch(collector.failed);
    return leave;
  }

  /** @throws OperationalError LOG-006 when the log no longer has what follows `from` */
  async refuseWhatIsCut(from: readonly Bookmark[]): Promise<void> {
    const { log } = this.#parts;
    await Promise.all(
      from.map(async ({ offset: wanted }, partition) => {
        const { start } = await log.bounds("journal", partition);
        if (wanted >= start || wanted === 0) return;
        throw new OperationalError(
          "LOG-006",
          { topic: "journal", partition, wanted, start },
          `journal/${partition} begins at ${start}; what was asked for, from ${wanted} on, is deleted`,
        );
      }),
    );
  }

  #leave(listener: TailListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    const running = this.#running;
    this.#running = undefined;
    running?.then((subscription) => subscription.close()).catch(() => {});
  }

  /** Begins where the store is, which is a place where the next record can be told from a void one. */
  async #start(): Promise<Subscription> {
    const { log, store, clock } = this.#parts;
    const all = Array.from({ length: log.partitions }, (_, partition) => partition);
    const held = await Promise.all(all.map((partition) => store.position(partition)));
    const readers = held.map((one) => new JournalReader(one?.journal ?? startBookmark));
    this.#readers = readers;
    const { promise: assigned, resolve } = Promise.withResolvers<void>();
    const subscription = await log.subscribe("journal", randomName(clock, "tail"), {
      assigned: () => resolve(),
      revoked: () => {},
      records: (partition, records) => {
        // One that is closed may still bring some.
        if (this.#readers === readers) this.#took(partition, records);
      },
      failed: (error) => this.#failed(error),
    });
    await assigned;
    for (const partition of all) subscription.seek(partition, readers[partition]?.offset ?? 0);
    return subscription;
  }

  #took(partition: number, batch: readonly LogRecord[]): void {
    const reader = this.#readers[partition];
    if (reader === undefined) return;
    try {
      const records = readAll(reader, partition, batch);
      if (records.length === 0) return;
      const next = this.#readers.map((one) => one.bookmark);
      for (const listener of this.#listeners) listener.take(records, next);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    for (const listener of [...this.#listeners]) {
      this.#leave(listener);
      listener.failed(error);
    }
  }
}

/** The store, from which the subscription begins, may not be as far as one who goes on has read. */
function behind(from: readonly Bookmark[], listener: TailListener): TailListener {
  const hadBefore = (partition: number): number => from[partition]?.offset ?? 0;
  return {
    take(records, next) {
      const rest = records.filter(({ partition, offset }) => offset >= hadBefore(partition));
      if (rest.length === 0) return;
      const least = next.map((one, at) => (one.offset < hadBefore(at) ? (from[at] ?? one) : one));
      listener.take(rest, least);
    },
    failed: (error) => listener.failed(error),
  };
}

function readAll(
  reader: JournalReader,
  partition: number,
  records: readonly LogRecord[],
): TailedRecord[] {
  return records.flatMap((record) => {
    if (record.offset < reader.offset) return [];
    const header = parseJournalHeader(record.header);
    const reading = reader.read(record.offset, header);
    if (reading === "gap") throw gapError(partition, record.offset);
    return reading === "counts" && header !== undefined ? tailed(header, partition, record) : [];
  });
}

function tailed(
  { kind, trace }: JournalHeader,
  partition: number,
  record: LogRecord,
): TailedRecord[] {
  const { offset } = record;
  if (kind === "step") {
    return [{ kind, partition, offset, trace, body: readJournalValue("step", record, partition) }];
  }
  if (kind === "rejected") {
    const body = readJournalValue("rejected", record, partition) as Rejected;
    return [{ kind, partition, offset, trace, body }];
  }
  return [];
}

import type { JournalHeader, JournalKind } from "@millrace/shared/contract/journal-record";
import { parseJournalHeader } from "@millrace/shared/contract/journal-record";
import type { PositionChange } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import { isOperational } from "@millrace/shared/errors/operational";
import type { Appended, EventLog, LogRecord, NewRecord } from "@millrace/shared/ports/event-log";

/**
 * Appends one owner's records to its journal partition.
 *
 * Owns epoch, n and the offset expected next. Invariants:
 *   J1 every record carries (epoch, n), n rising by one within the epoch;
 *   J2 an append is good only when acknowledged at the offset after the last one: anything else means
 *      another owner or an unknown outcome, and the tail says which;
 *   J3 one append is under way at a time, and never repeated: what may stand there already is read,
 *      not written again.
 */
export interface JournalEntry {
  readonly kind: Exclude<JournalKind, "claim">;
  readonly key: string | null;
  readonly value: string;
  readonly fx?: readonly string[];
  readonly trace?: string;
}

/** An input with so many records that one append may not hold them. */
export interface BigInput {
  /** Place of its first record in the batch. */
  readonly at: number;
  /** The position before it. */
  readonly position: PositionChange;
}

/** Why an owner may not go on with what it has in memory. */
export class OwnershipLost extends Error {
  override readonly name = "OwnershipLost";
}

export class JournalWriter {
  readonly #log: EventLog;
  readonly #partition: number;
  readonly #epoch: number;
  #n = 0;
  /** Of the records appended, for an estimate of the journal's size. */
  #bytes = 0;
  #nextOffset: number;

  /** @param epoch offset of the claim, the last record so far */
  constructor(log: EventLog, partition: number, epoch: number) {
    this.#log = log;
    this.#partition = partition;
    this.#epoch = epoch;
    this.#nextOffset = epoch + 1;
  }

  get bookmark(): Bookmark {
    return { offset: this.#nextOffset, epoch: this.#epoch, n: this.#n };
  }

  /** Of the records that this owner has appended; a guess before the first. */
  get meanBytes(): number {
    return this.#n === 0 ? MEAN_BYTES : this.#bytes / this.#n;
  }

  /**
   * Appends all of it at once, but for what is too much for one append: one event that hundreds of
   * instances hear of. What stands before it goes first, with its own position. The parts of the event
   * count one by one, and the position passes it with the last; an owner that takes the event anew finds
   * those that have had it (`Instance.in`).
   *
   * @param position what the last record is to say of the input
   * @param big where a record that many instances hear of begins, the last input of these
   * @returns where the first record stands, and the log time of the last
   * @throws OwnershipLost when what stands in the log is not, or may not be, what was meant
   */
  async append(
    entries: readonly JournalEntry[],
    position: PositionChange,
    big?: BigInput,
  ): Promise<Appended> {
    const last = entries.length - 1;
    const records = entries.map((entry, i) =>
      this.#record(entry, this.#n + 1 + i, i === last ? position : undefined),
    );
    const { offset } = this.bookmark;
    if (bytesOf(records) <= APPEND_BYTES_MAX) return await this.#appendPart(records);
    const before = big?.at ?? 0;
    const end = entries[before - 1];
    if (big !== undefined && end !== undefined) {
      records[before - 1] = this.#record(end, this.#n + before, big.position);
      await this.#appendPart(records.slice(0, before));
    }
    let time = 0;
    for (const part of inParts(records.slice(before))) time = (await this.#appendPart(part)).time;
    return { offset, time };
  }

  async #appendPart(records: readonly NewRecord[]): Promise<Appended> {
    const appended = await this.#appendOrFind(records);
    if (appended.offset !== this.#nextOffset) {
      throw new OwnershipLost(
        `expected to append at ${this.#nextOffset}, stands at ${appended.offset}: another owner wrote`,
      );
    }
    this.#nextOffset += records.length;
    this.#n += records.length;
    this.#bytes += bytesOf(records);
    return appended;
  }

  #record(entry: JournalEntry, n: number, pos: PositionChange | undefined): NewRecord {
    const { kind, key, value, fx, trace } = entry;
    const header: JournalHeader = { v: 1, kind, e: this.#epoch, n };
    if (fx !== undefined && fx.length > 0) header.fx = [...fx];
    if (pos !== undefined) header.pos = pos as NonNullable<JournalHeader["pos"]>;
    if (trace !== undefined) header.trace = trace;
    return { key, header: JSON.stringify(header), value };
  }

  async #appendOrFind(records: readonly NewRecord[]): Promise<Appended> {
    try {
      return await this.#log.append("journal", this.#partition, records);
    } catch (error) {
      if (!isOperational(error, "LOG-002")) throw error;
      return await this.#find(records);
    }
  }

  /** After an append that was not answered: does exactly it stand where it was meant to? */
  async #find(records: readonly NewRecord[]): Promise<Appended> {
    const from = this.#nextOffset;
    const { end } = await this.#log.bounds("journal", this.#partition);
    const tail: LogRecord[] = [];
    if (end >= from + records.length) {
      const to = from + records.length;
      for await (const batch of this.#log.read("journal", this.#partition, from, to)) {
        tail.push(...batch);
      }
    }
    const [first] = tail;
    if (first === undefined || !tail.every((record, i) => this.#isOurs(record, this.#n + 1 + i))) {
      throw new OwnershipLost(
        "an append was not answered, and does not stand where it was meant to",
      );
    }
    return { offset: first.offset, time: tail.at(-1)?.time ?? first.time };
  }

  #isOurs(record: LogRecord, n: number): boolean {
    const header = parseJournalHeader(record.header);
    return header?.e === this.#epoch && header.n === n;
  }
}

/** A step of a small flow. */
const MEAN_BYTES = 700;

/** What Kafka takes at once by default is 1 MiB, and by the settings of our topics 4 MiB. */
const APPEND_BYTES_MAX = 3 * 2 ** 20;

function inParts(records: readonly NewRecord[]): NewRecord[][] {
  const parts: NewRecord[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const size = sizeOf(record);
    if (bytes + size > APPEND_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(record);
    bytes += size;
  }
  return parts;
}

function bytesOf(records: readonly NewRecord[]): number {
  return records.reduce((sum, record) => sum + sizeOf(record), 0);
}

function sizeOf({ key, header, value }: NewRecord): number {
  return byteLength(key) + byteLength(header) + byteLength(value);
}

function byteLength(text: NewRecord["value"]): number {
  return text === null ? 0 : Buffer.byteLength(text);
}

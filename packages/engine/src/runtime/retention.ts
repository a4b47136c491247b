import { DISPATCH_GROUP, readDispatchBookmark } from "@millrace/shared/contract/dispatch-bookmark";
import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import type { Checkpoint } from "@millrace/shared/contract/journal-record";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { EpochMs } from "@millrace/shared/contract/time";
import { messageOf } from "@millrace/shared/errors/operational";
import { Batch } from "./batch.ts";
import type { Committer } from "./committer.ts";
import type { EngineHost } from "./engine-host.ts";
import { type Floor, readFloor } from "./floor.ts";
import type { InputPosition } from "./input-position.ts";
import type { JournalWriter } from "./journal-writer.ts";
import type { LogClock } from "./log-clock.ts";

/**
 * Keeps a partition's logs short. From time to time its owner makes a pass: a checkpoint, and then a
 * refresh of every live instance that has had no record since. Then the checkpoint is the floor, and
 * what stands before an old floor may go.
 *
 * Invariants:
 *   F1 a checkpoint becomes the floor when every live instance has a record after it, and all records of
 *      the pass are acknowledged where they were meant to stand;
 *   F2 the journal is cut at a floor only, not above the present one, which a record of it names, and not
 *      above what was dispatched when that one was written;
 *   F3 events are deleted below the input position of a floor only.
 */
export interface RetentionParts {
  readonly partition: number;
  /** Where the journal began when the partition was claimed. */
  readonly start: number;
  readonly host: EngineHost;
  readonly writer: JournalWriter;
  readonly committer: Committer;
  readonly position: InputPosition;
  readonly logClock: LogClock;
  /** All input that the log took before that time is decided. */
  takenUntil(): EpochMs;
  /** Resolves when nothing is on its way to the journal. */
  settled(): Promise<void>;
}

interface Pass {
  /** Offset of its checkpoint. */
  readonly at: number;
  /** Instances with a record after the checkpoint. */
  readonly touched: Set<InstanceId>;
  /** Instances that ended longer ago than they are kept. */
  readonly expired: Set<InstanceId>;
  cursor: string | undefined;
  isScanned: boolean;
}

export class Retention {
  readonly #parts: RetentionParts;
  #start: number;
  #floor: Floor | undefined;
  #isFloorRead = false;
  #pass: Pass | undefined;
  #checkedMs: number;
  #cutMs = Number.NEGATIVE_INFINITY;
  #isWarned = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#start = parts.start;
    this.#checkedMs = parts.host.clock.monotonicMs();
  }

  /** Whether `work` has something to do now. */
  get isDue(): boolean {
    return this.#pass !== undefined || this.nextMs <= this.#parts.host.clock.monotonicMs();
  }

  /** When it looks again, on the monotonic clock. */
  get nextMs(): number {
    return this.#checkedMs + this.#parts.host.options.retentionCheckMs;
  }

  /** An instance has a record in the batch that is appended next. */
  touch(id: InstanceId): void {
    this.#pass?.touched.add(id);
    this.#pass?.expired.delete(id); // it begins anew
  }

  /** Does the next piece of what there is to do. @returns records to append */
  async work(): Promise<Batch | undefined> {
    if (this.#pass === undefined) return await this.#check();
    if (!this.#pass.isScanned) return await this.#refresh(this.#pass);
    return await this.#establish(this.#pass);
  }

  // ---- the pass

  async #check(): Promise<Batch | undefined> {
    const { host, partition, position } = this.#parts;
    this.#checkedMs = host.clock.monotonicMs();
    if (!this.#isFloorRead) {
      const { floor } = position;
      this.#floor = floor === undefined ? undefined : await readFloor(host.log, partition, floor);
      this.#isFloorRead = true;
    }
    this.#warnOfSize();
    if (await this.#isPassDue()) return await this.#begin();
    await this.#cut();
    return undefined;
  }

  async #isPassDue(): Promise<boolean> {
    const { host, partition, writer, logClock } = this.#parts;
    const { checkpointRecordsMin, checkpointRatio, checkpointMs, journalBytesMax } = host.options;
    const from = this.#floor?.offset ?? this.#start;
    const records = writer.bookmark.offset - from;
    // What stood before the log's beginning was deleted by somebody else: only a floor makes that good.
    const isHeadless = this.#floor === undefined && this.#start > 0;
    if (isHeadless) return true;
    const age = logClock.now() - (this.#floor?.time ?? logClock.now());
    if (records < checkpointRecordsMin && age < checkpointMs) return false;
    const live = await host.store.count(partition);
    // As many records as there are instances are the refreshes of the last pass.
    if (age >= checkpointMs && records > 2 * live) return true;
    if (this.bytes > journalBytesMax && records > 2 * live) return true;
    return records >= checkpointRecordsMin && records > checkpointRatio * live;
  }

  async #begin(): Promise<Batch> {
    const { writer, position, settled, host } = this.#parts;
    const dispatched = (await this.#dispatched()) ?? this.#floor?.checkpoint.dispatched;
    await settled();
    const pass = {
      at: writer.bookmark.offset,
      touched: new Set<InstanceId>(),
      expired: new Set<InstanceId>(),
      cursor: undefined,
      isScanned: false,
    };
    this.#pass = pass;
    host.counters.passes += 1;
    const batch = new Batch();
    batch.addCheckpoint(this.#checkpoint(position, dispatched));
    return batch;
  }

  #checkpoint(position: InputPosition, dispatched: Bookmark | undefined): Checkpoint {
    const { offset, time, stamps } = position.present;
    const written = Array.from(stamps, ([w, { n, time: at }]) => [w, [n, at]] as const);
    return {
      offset,
      time,
      stamps: Object.fromEntries(written),
      ...(dispatched && { dispatched }),
      floors: this.#floors(),
    };
  }

  /**
   * The floors that the log still has, the present one with them. Beyond the journal's bound it is cut as far
   * as can be, so the one before the present is kept, however near it is.
   */
  #floors(): Checkpoint["floors"] {
    if (this.#floor === undefined) return [];
    const { offset, time, checkpoint } = this.#floor;
    const { floorsApartMs, journalBytesMax } = this.#parts.host.options;
    const nearest = this.bytes > journalBytesMax ? checkpoint.floors.at(-1) : undefined;
    const kept: [offset: number, time: EpochMs, input: number][] = [];
    for (const [at, since, input] of checkpoint.floors) {
      if (at < this.#start) continue;
      const sinceLast = since - (kept.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY);
      if (sinceLast >= floorsApartMs || at === nearest?.[0]) kept.push([at, since, input]);
    }
    return [...kept, [offset, time, checkpoint.offset]];
  }

  async #dispatched(): Promise<Bookmark | undefined> {
    const { host, partition } = this.#parts;
    try {
      return readDispatchBookmark(await host.log.bookmarked("journal", DISPATCH_GROUP, partition));
    } catch (error) {
      host.onEvent("debug", "bookmark not read", { partition, why: messageOf(error) });
      return undefined;
    }
  }

  /**
   * Refreshes a page of instances. The store has come to the checkpoint before the first page is asked
   * for: what has had no record since is there, as it is.
   */
  async #refresh(pass: Pass): Promise<Batch | undefined> {
    const { host, partition, committer, settled } = this.#parts;
    if (pass.cursor === undefined) {
      await settled();
      await committer.flush();
    }
    const page = await host.store.scan(partition, committer.sent, pass.cursor);
    pass.cursor = page.next;
    pass.isScanned = page.next === undefined;
    const batch = new Batch();
    for (const { id, json } of page.items) {
      if (pass.touched.has(id)) continue;
      const instance = JSON.parse(json) as Instance;
      if (this.#isExpired(instance)) pass.expired.add(id);
      else batch.addRefresh(instance, json);
    }
    return batch;
  }

  #isExpired(instance: Instance): boolean {
    // What it put aside outlives it.
    if (!isEnded(instance) || Object.keys(instance.owed ?? {}).length > 0) return false;
    const { host, takenUntil } = this.#parts;
    const keepMs = host.catalogue.version(instance.version)?.keepDoneMs ?? host.options.keepDoneMs;
    // What is yet to be decided may have come to it while it was kept.
    return instance.updatedAt + keepMs <= takenUntil();
  }

  /** @returns a record that names the floor: a log that is cut at it must say so */
  async #establish(pass: Pass): Promise<Batch | undefined> {
    const { host, partition, committer, position, settled } = this.#parts;
    await settled();
    const floor = await readFloor(host.log, partition, pass.at);
    this.#pass = undefined;
    if (floor === undefined) return undefined; // the tenure is over, and the next owner makes a pass of its own
    this.#floor = floor;
    position.moveFloor(floor.offset, host.clock.monotonicMs());
    committer.drop(pass.expired);
    host.onEvent("info", "journal checkpointed", {
      partition,
      floor: floor.offset,
      records: this.#parts.writer.bookmark.offset - floor.offset,
      dropped: pass.expired.size,
    });
    this.#cutMs = Number.NEGATIVE_INFINITY;
    this.#checkedMs = Number.NEGATIVE_INFINITY;
    const batch = new Batch();
    batch.addMark();
    return batch;
  }

  // ---- what goes

  async #cut(): Promise<void> {
    const { host, partition, logClock, settled } = this.#parts;
    const { retentionMs, journalBytesMax, cutMs } = host.options;
    const now = host.clock.monotonicMs();
    if (this.#floor === undefined || now < this.#cutMs + cutMs) return;
    this.#cutMs = now;
    await settled();
    const { checkpoint } = this.#floor;
    const dispatched = checkpoint.dispatched?.offset ?? Number.NEGATIVE_INFINITY;
    const oldest = logClock.now() - (this.bytes > journalBytesMax ? 0 : retentionMs);
    const cut = this.#floors().findLast(([at, time]) => at <= dispatched && time <= oldest);
    if (cut === undefined || cut[0] <= this.#start) return;
    try {
      await host.log.truncate("journal", partition, cut[0]);
      await host.log.truncate("events", partition, cut[2]);
      this.#start = cut[0];
      host.counters.truncations += 1;
      host.onEvent("debug", "old records deleted", { partition, journal: cut[0], events: cut[2] });
    } catch (error) {
      const facts = { partition, journal: cut[0], events: cut[2], why: messageOf(error) };
      host.onEvent("warn", "old records are not deleted; the log grows", facts);
    }
  }

  /** The journal's size, estimated. */
  get bytes(): number {
    const { writer } = this.#parts;
    return (writer.bookmark.offset - this.#start) * writer.meanBytes;
  }

  #warnOfSize(): void {
    const { host, partition } = this.#parts;
    const { journalBytesMax } = host.options;
    const bytes = this.bytes;
    if (bytes < 0.7 * journalBytesMax) this.#isWarned = false;
    if (bytes < 0.8 * journalBytesMax || this.#isWarned) return;
    this.#isWarned = true;
    host.onEvent("warn", "the journal of a partition comes near its bound", {
      partition,
      mebibytes: Math.round(bytes / 2 ** 20),
      bound: Math.round(journalBytesMax / 2 ** 20),
      dispatched: this.#floor?.checkpoint.dispatched?.offset,
      floor: this.#floor?.offset,
    });
  }
}

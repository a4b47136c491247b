import type { Cause, Checkpoint, Rejected } from "@millrace/shared/contract/journal-record";
import {
  type InstanceId,
  instanceId,
  type InstanceRef,
  logKey,
} from "@millrace/shared/contract/names";
import { movePosition, type Position } from "@millrace/shared/contract/position";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { World } from "@millrace/shared/core/world";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import { type Deliveries, type Delivery, Reader } from "../../runtime/deliveries.ts";
import type { RecordFault } from "../../runtime/device-reading.ts";
import { positionOf } from "../../runtime/floor.ts";
import { InputPosition } from "../../runtime/input-position.ts";
import { type Append, appendsOf, type CountedRecord } from "./appends.ts";
import type { CatalogueThen } from "./catalogue-then.ts";
import { EventCursor } from "./event-cursor.ts";
import type { Judge, Recorded } from "./judge.ts";
import { beginOf } from "./range.ts";
import type { Undecided } from "./report.ts";

const nobody: ReadonlySet<InstanceId> = new Set();

export interface WalkRange {
  readonly since: EpochMs | undefined;
  /** Without the time itself. */
  readonly until: EpochMs | undefined;
}

export interface WalkParts {
  readonly log: EventLog;
  readonly partition: number;
  readonly range: WalkRange;
  /** What flows and deployments there were when a record was taken. */
  readonly registry: CatalogueThen;
  readonly world: World;
  readonly judge: Judge;
  /** What this run is about, slices of it left aside. */
  readonly isWanted: (ref: {
    readonly ns: string;
    readonly flow?: string;
    readonly key?: string;
  }) => boolean;
  /** Told what is the matter with a record of `events`, whoever it was for. */
  readonly onRecord: (record: RecordFaults) => void;
  /** Told the partitions that an event would have been copied to. */
  readonly onElsewhere: (record: LogRecord, at: EpochMs, partitions: readonly number[]) => void;
  /** Told how much of the journal is read, from 0 to 1. */
  readonly onProgress: (part: number) => void;
}

/** What was, and is now, wrong with a record of `events`. */
export interface RecordFaults {
  readonly offset: number;
  readonly at: EpochMs;
  readonly was: readonly Rejected[];
  readonly now: readonly RecordFault[];
  readonly undecided: Undecided | undefined;
}

/** An event whose instances are gone through, one by one as the journal names them. */
interface OpenEvent {
  readonly offset: number;
  readonly at: EpochMs;
  /** Those that are left. */
  readonly deliveries: Map<InstanceId, Delivery>;
  /** Those whose input was rejected. */
  readonly refused: Set<InstanceId>;
  readonly faults: readonly RecordFault[];
  readonly rejected: Rejected[];
  readonly isGone: boolean;
}

function eventAt(offset: number, at: EpochMs): OpenEvent {
  const [deliveries, refused] = [new Map<InstanceId, Delivery>(), new Set<InstanceId>()];
  return { offset, at, deliveries, refused, faults: [], rejected: [], isGone: false };
}

/**
 * Goes through a partition's journal and the events beside it, in the order in which its owners decided.
 *
 * Of events that nothing came of, the journal says only by its positions where they were decided: before
 * the end of the append that passes them, and before a timer of it that was due later than they came.
 */
export class PartitionWalk {
  readonly #parts: WalkParts;
  readonly #reader: Reader;
  #position: InputPosition | undefined;
  #cursor: EventCursor | undefined;
  #open: OpenEvent | undefined;
  /** The first event of the range may have been begun before it. */
  #firstEvent = 0;

  constructor(parts: WalkParts) {
    this.#parts = parts;
    const { log, partition, registry, world } = parts;
    this.#reader = new Reader({
      partition,
      partitions: log.partitions,
      catalogue: registry.catalogue,
      world,
      deliveriesMax: Number.POSITIVE_INFINITY,
    });
  }

  /** @throws OperationalError LOG-005, LOG-006, LOG-007 */
  async run(): Promise<void> {
    const { log, partition, range, judge, onProgress } = this.#parts;
    const { since = 0, until = Number.POSITIVE_INFINITY } = range;
    const begin = await beginOf(log, partition, range.since);
    const [journal, events] = await Promise.all([
      log.bounds("journal", partition),
      log.bounds("events", partition),
    ]);
    const from = begin.journal.offset;
    let position: Position = begin.input;
    let isWhole = begin.floor === undefined;
    try {
      for await (const append of appendsOf(log, partition, begin.journal, journal.end)) {
        if (append.time >= until) break;
        if (this.#position === undefined && isWhole && append.time >= since) {
          this.#position = new InputPosition(position);
          judge.begin(append.time);
          this.#firstEvent = position.offset;
          const first = Math.min(Math.max(position.offset, events.start), events.end);
          this.#cursor = new EventCursor(log, partition, first, events.end);
        }
        if (this.#position === undefined) position = this.#fold(append, position);
        else await this.#judge(append, this.#position);
        isWhole ||= (append.position?.floor ?? -1) >= (begin.floor ?? 0);
        onProgress((append.end - from) / (journal.end - from));
      }
    } finally {
      await this.#cursor?.close();
    }
    if (this.#position !== undefined) judge.end(this.#position.time);
    onProgress(1);
  }

  // ---- before the range

  #fold({ records, position: change }: Append, before: Position): Position {
    let position = before;
    for (const { kind, record } of records) {
      if (kind === "checkpoint") {
        const checkpoint: Checkpoint = readJournalValue(kind, record, this.#parts.partition);
        position = positionOf(checkpoint, position.floor);
      } else this.#foldInstance(kind, record);
    }
    return change === undefined ? position : movePosition(position, change);
  }

  #foldInstance(kind: CountedRecord["kind"], record: LogRecord): void {
    const { partition, judge, isWanted } = this.#parts;
    if (kind !== "step" && kind !== "rejected" && kind !== "refresh") return;
    if (record.key === null || !judge.wants(record.key)) return;
    const { instance } = readJournalValue(kind, record, partition);
    if (instance !== undefined && isWanted(instance)) judge.fold(instance);
  }

  // ---- in the range

  async #judge(
    { time, records, position: change }: Append,
    position: InputPosition,
  ): Promise<void> {
    const { registry } = this.#parts;
    registry.advance(time);
    const end = change?.offset ?? position.offset;
    const entries = records.flatMap((one) => this.#read(one) ?? []);
    const offsets = nextOffsets(entries, end);
    for (const [i, entry] of entries.entries()) {
      const { cause, recorded, rejected } = entry;
      const { offset } = cause;
      if (offset === undefined) {
        await this.#goThrough(position, offsets[i] ?? end, this.#dueOf(entry));
        if (recorded !== undefined) this.#timer(recorded);
        position.move(position.offset, entry.at, 0);
        continue;
      }
      await this.#goThrough(position, offset);
      if (this.#open?.offset !== offset) await this.#openAt(position, offset);
      if (recorded !== undefined) this.#take(recorded);
      else if (rejected !== undefined) this.#open?.rejected.push(rejected);
    }
    await this.#goThrough(position, end);
    position.move(position.offset, change?.time ?? position.time, 0);
    position.journal();
  }

  #read({ kind, record }: CountedRecord): Entry | undefined {
    const { partition, isWanted, judge } = this.#parts;
    const { offset } = record;
    if (kind !== "step" && kind !== "rejected") return undefined;
    if (kind === "step") {
      const step = readJournalValue(kind, record, partition);
      const { cause, instance, at } = step;
      if (!isWanted(instance) || !judge.wants(record.key ?? "")) return { cause, at };
      const { ns, flow, key } = instance;
      const text = record.value?.toString("utf8") ?? "";
      const outcome = { kind, step, text } as const;
      const to = { ns, flow, key };
      return { cause, at, recorded: { offset, id: instanceId(to), to, at, cause, outcome } };
    }
    const rejected = readJournalValue(kind, record, partition);
    const { cause, at, ns, flow, key } = rejected;
    if (!isWanted(rejected)) return { cause, at };
    if (flow === undefined || key === undefined) return { cause, at, rejected };
    if (!judge.wants(record.key ?? "")) return { cause, at };
    const to = { ns, flow, key };
    const outcome = { kind, rejected } as const;
    return { cause, at, recorded: { offset, id: instanceId(to), to, at, cause, outcome } };
  }

  /** When a timer was due; of a deadline, the step does not say. */
  #dueOf({ recorded, cause, at }: Entry): EpochMs {
    const { due, effect } = cause;
    if (due !== undefined) return due;
    if (recorded === undefined || effect === undefined) return at;
    return this.#parts.judge.deadlineOf(recorded.id, effect) ?? at;
  }

  #timer(recorded: Recorded): void {
    const { judge } = this.#parts;
    if (isPoison(recorded)) judge.miss(recorded, "poison");
    else judge.timer(recorded);
  }

  #take(recorded: Recorded): void {
    const { judge } = this.#parts;
    const { id, to, at } = recorded;
    const open = this.#open;
    if (open === undefined || open.isGone) return judge.miss(recorded, "payload-gone");
    // Of an event that takes several turns, the next owner takes what was rejected once more.
    if (open.refused.has(id)) return;
    if (recorded.outcome.kind === "rejected") open.refused.add(id);
    const delivery = open.deliveries.get(id);
    open.deliveries.delete(id);
    judge.take({ id, to, at, event: open.offset, delivery, recorded });
  }

  /** Decides the events up to an offset that nothing came of, if they came before a time. */
  async #goThrough(
    position: InputPosition,
    offset: number,
    before: EpochMs = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    if (this.#open !== undefined) {
      if (this.#open.offset >= offset || this.#open.at >= before) return;
      this.#close();
    }
    for (;;) {
      const record = await this.#cursor?.peek();
      if (record === undefined || record.offset >= offset) return;
      if (Math.max(position.time, record.time) >= before) return;
      this.#cursor?.skip();
      this.#openWith(position, record);
      this.#close();
    }
  }

  async #openAt(position: InputPosition, offset: number): Promise<void> {
    const record = await this.#cursor?.peek();
    if (record?.offset === offset) {
      this.#cursor?.skip();
      this.#openWith(position, record);
      return;
    }
    const at = position.time;
    this.#open = { ...eventAt(offset, at), isGone: true };
  }

  #openWith(position: InputPosition, record: LogRecord): void {
    const { offset } = record;
    const at = Math.max(position.time, record.time);
    const read = this.#reader.read(record, at, nobody);
    const { header } = read;
    const isRepeat = header !== undefined && header.n <= (position.stampOf(header.w) ?? -1);
    position.move(offset + 1, at, 0, isRepeat ? undefined : header);
    const deliveries = isRepeat ? new Map<InstanceId, Delivery>() : this.#wanted(read);
    const faults = isRepeat ? [] : read.faults.filter((fault) => this.#parts.isWanted(fault));
    this.#open = { ...eventAt(offset, at), deliveries, faults };
    if (!isRepeat && read.copyTo.length > 0) this.#parts.onElsewhere(record, at, read.copyTo);
  }

  #wanted({ deliveries }: Deliveries): Map<InstanceId, Delivery> {
    const { isWanted, judge } = this.#parts;
    const wants = ({ ns, key }: InstanceRef): boolean => judge.wants(logKey(ns, key));
    const wanted = deliveries.filter(({ to }) => isWanted(to) && wants(to));
    return new Map(wanted.map((delivery) => [delivery.id, delivery]));
  }

  /** What is left of an event: instances that it changed nothing of, and what is wrong with it as such. */
  #close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { judge, onRecord } = this.#parts;
    const { offset, at, deliveries, faults, rejected, isGone } = open;
    const isPoisonous = rejected.some(({ code }) => code === "poison");
    const undecided = isGone ? "payload-gone" : isPoisonous ? "poison" : undefined;
    const isBegun = offset === this.#firstEvent;
    if (!isBegun && (faults.length > 0 || rejected.length > 0))
      onRecord({ offset, at, was: rejected, now: faults, undecided });
    if (isPoisonous) return;
    for (const [id, delivery] of deliveries)
      judge.take({ id, to: delivery.to, at, event: offset, delivery, recorded: undefined });
  }
}

/** A record of an append: what it says of an instance, or of an event as such, where that is wanted. */
interface Entry {
  readonly cause: Cause;
  readonly at: EpochMs;
  readonly recorded?: Recorded;
  readonly rejected?: Rejected;
}

function isPoison({ outcome }: Recorded): boolean {
  return outcome.kind === "rejected" && outcome.rejected.code === "poison";
}

/** For each entry, the offset of the event that comes next: its own, or the next one's. */
function nextOffsets(entries: readonly Entry[], end: number): number[] {
  const offsets: number[] = [];
  let next = end;
  for (const [i, { cause }] of [...entries.entries()].toReversed()) {
    next = cause.offset ?? next;
    offsets[i] = next;
  }
  return offsets;
}

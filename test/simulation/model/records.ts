import type { JournalKind } from "@millrace/shared/contract/journal-record";
import type { Position, PositionChange } from "@millrace/shared/contract/position";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { Asked, Effect, EventType, Input, Instance } from "./instance.ts";

/** A record of `events`. A copy has the id of what it is a copy of; so has a repeat. */
export interface EventRecord {
  readonly id: string;
  readonly writer: string;
  readonly n: number;
  readonly time: number;
  readonly type: EventType;
  /** Instances that listen, of all partitions. */
  readonly keys: readonly string[];
  readonly asks: Asked;
  readonly to: string;
  readonly effect?: Effect;
}

/** A whole position, and what is known besides at the time. */
export interface Checkpoint {
  readonly position: Position;
  /** Below it the dispatcher has nothing more to do. */
  readonly dispatched: Bookmark;
  /** Earlier floors that the log still has. */
  readonly floors: readonly number[];
}

interface Cause {
  readonly input: Input;
  /** Of the event, the same for all its copies and repeats; of a timer, which one it was. */
  readonly id: string;
  /** How far the input had been decided. */
  readonly at: number;
}

/** A record of `journal`, header and value in one. */
export interface JournalRecord {
  readonly v: 1;
  readonly kind: Exclude<JournalKind, "rejected">;
  /** Of a claim, only where the store counts epochs. */
  readonly e?: number;
  readonly n: number;
  readonly pos?: PositionChange;
  readonly floor?: number;
  readonly cause?: Cause;
  readonly effects?: readonly Effect[];
  /** Of steps and refreshes. */
  readonly instance?: Instance;
  readonly checkpoint?: Checkpoint;
}

/** One partition of a topic. What is cut stays readable to the model's checks, and to nobody else. */
export class Log<T> {
  readonly all: T[] = [];
  /** Offset of the oldest record kept. */
  start = 0;

  get end(): number {
    return this.all.length;
  }

  /** @returns the offset of the first */
  put(records: readonly T[]): number {
    this.all.push(...records);
    return this.all.length - records.length;
  }

  /** @returns undefined beyond the end. Whoever asks has looked at `start`. */
  at(offset: number): T | undefined {
    return this.all[offset];
  }
}

/** For the history of a run. */
export function nameOf({ kind, cause, instance, floor }: JournalRecord): string {
  const of = instance === undefined ? "" : ` ${instance.key}`;
  const by = cause === undefined ? "" : ` by ${cause.id}`;
  return `${kind}${of}${by}${floor === undefined ? "" : ` (floor ${floor})`}`;
}

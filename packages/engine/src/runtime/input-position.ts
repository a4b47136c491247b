import {
  movePosition,
  type Position,
  type PositionChange,
} from "@millrace/shared/contract/position";
import type { EpochMs } from "@millrace/shared/contract/time";

/** Writers that one append says the stamps of, about: so many are written down before more is read. */
const GATHERED_MAX = 1_000;

/**
 * How far the input of a partition is decided: ahead of what is journalled by one append at most.
 *
 * Stamps are gathered and applied with each append: a map of all writers is not copied for each record.
 */
export class InputPosition {
  #position: Position;
  #stamps = new Map<string, number>();
  /** Since when it has moved without a record that says so, on the monotonic clock. */
  #movedAt: number | undefined;

  constructor(from: Position) {
    this.#position = from;
  }

  get offset(): number {
    return this.#position.offset;
  }

  get floor(): number | undefined {
    return this.#position.floor;
  }

  /** The whole of it, stamps that are not yet appended included. */
  get present(): Position {
    return movePosition(this.#position, this.change());
  }

  get time(): EpochMs {
    return this.#position.time;
  }

  /** The highest `n` taken from a writer. */
  stampOf(writer: string): number | undefined {
    return this.#stamps.get(writer) ?? this.#position.stamps.get(writer)?.n;
  }

  /** @param stamp the writer and its `n`, of a record that was taken */
  move(
    offset: number,
    time: EpochMs,
    nowMs: number,
    stamp?: { readonly w: string; readonly n: number },
  ): void {
    this.#position = { ...this.#position, offset, time: Math.max(time, this.#position.time) };
    if (stamp !== undefined) this.#stamps.set(stamp.w, stamp.n);
    this.#movedAt ??= nowMs;
  }

  moveFloor(floor: number, nowMs: number): void {
    this.#position = { ...this.#position, floor };
    this.#movedAt ??= nowMs;
  }

  /** When a mark is due, on the monotonic clock; undefined while nothing has moved. */
  markDueAt(markMs: number): number | undefined {
    return this.#movedAt === undefined ? undefined : this.#movedAt + markMs;
  }

  /** Whether a mark is due before more is read, for what it has to say takes much room. */
  get isFull(): boolean {
    return this.#stamps.size >= GATHERED_MAX;
  }

  /** What an append would have to say of what is decided so far. */
  change(): PositionChange {
    const { offset, time, floor } = this.#position;
    return {
      offset,
      time,
      ...(this.#stamps.size > 0 && { stamps: Object.fromEntries(this.#stamps) }),
      ...(floor !== undefined && { floor }),
    };
  }

  /** What the next append has to say, and the position after it. */
  journal(): { change: PositionChange; position: Position } {
    const change = this.change();
    this.#position = movePosition(this.#position, change);
    this.#stamps = new Map();
    this.#movedAt = undefined;
    return { change, position: this.#position };
  }
}

import type { LogRecord, Subscription } from "@millrace/shared/ports/event-log";
import { Bug } from "@millrace/shared/errors/assert";

/** What may wait before a partition is paused; it goes on when half of it is worked off. */
export interface IntakeBounds {
  readonly recordsMax: number;
  /** Asked each time: a partition's share changes with how many there are. */
  readonly bytesMax: () => number;
}

/** Records of one partition that have arrived and wait for their turn; it is paused when it is behind. */
export class Intake {
  readonly #partition: number;
  readonly #bounds: IntakeBounds;
  readonly #subscription: () => Pick<Subscription, "pause" | "resume">;
  readonly #waiting: LogRecord[] = [];
  #bytes = 0;
  #next: number;
  #paused = false;

  /** @param from offset of the record that is to come first */
  constructor(
    partition: number,
    from: number,
    bounds: IntakeBounds,
    subscription: () => Pick<Subscription, "pause" | "resume">,
  ) {
    this.#partition = partition;
    this.#next = from;
    this.#bounds = bounds;
    this.#subscription = subscription;
  }

  /** @throws Bug when records do not follow those before them */
  add(records: readonly LogRecord[]): void {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    if (first.offset !== this.#next)
      throw new Bug(`record ${first.offset} came, not ${this.#next}`);
    for (const record of records) {
      this.#waiting.push(record);
      this.#bytes += sizeOf(record);
    }
    this.#next = last.offset + 1;
    if (this.#paused || !this.#isBeyond(1)) return;
    this.#paused = true;
    this.#subscription().pause(this.#partition);
  }

  /** The next records, without taking them. */
  peek(count: number): LogRecord[] {
    return this.#waiting.slice(0, count);
  }

  take(count: number): void {
    for (const record of this.#waiting.splice(0, count)) this.#bytes -= sizeOf(record);
    if (!this.#paused || this.#isBeyond(0.5)) return;
    this.#paused = false;
    this.#subscription().resume(this.#partition);
  }

  #isBeyond(part: number): boolean {
    const { recordsMax, bytesMax } = this.#bounds;
    return this.#waiting.length > recordsMax * part || this.#bytes > bytesMax() * part;
  }
}

function sizeOf({ header, value }: LogRecord): number {
  return (header?.length ?? 0) + (value?.length ?? 0);
}

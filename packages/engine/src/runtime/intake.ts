import type { LogRecord, Subscription } from "@millrace/shared/ports/event-log";
import { Bug } from "@millrace/shared/errors/assert";

/** Records of one partition that have arrived and wait for their turn; it is paused when it is behind. */
export class Intake {
  readonly #partition: number;
  readonly #max: number;
  readonly #subscription: () => Subscription;
  readonly #waiting: LogRecord[] = [];
  #next: number;
  #paused = false;

  /** @param from offset of the record that is to come first */
  constructor(partition: number, from: number, max: number, subscription: () => Subscription) {
    this.#partition = partition;
    this.#next = from;
    this.#max = max;
    this.#subscription = subscription;
  }

  /** @throws Bug when records do not follow those before them */
  add(records: readonly LogRecord[]): void {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    if (first.offset !== this.#next)
      throw new Bug(`record ${first.offset} came, not ${this.#next}`);
    for (const record of records) this.#waiting.push(record);
    this.#next = last.offset + 1;
    if (this.#paused || this.#waiting.length <= this.#max) return;
    this.#paused = true;
    this.#subscription().pause(this.#partition);
  }

  /** The next records, without taking them. */
  peek(count: number): LogRecord[] {
    return this.#waiting.slice(0, count);
  }

  take(count: number): void {
    this.#waiting.splice(0, count);
    if (!this.#paused || this.#waiting.length > this.#max / 2) return;
    this.#paused = false;
    this.#subscription().resume(this.#partition);
  }
}

import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";

/** The records of a partition of `events`, one after the other, as they are asked for. */
export class EventCursor {
  readonly #batches: AsyncIterator<readonly LogRecord[]>;
  #batch: readonly LogRecord[] = [];
  #next = 0;

  constructor(log: EventLog, partition: number, from: number, to: number) {
    this.#batches = log.read("events", partition, from, to)[Symbol.asyncIterator]();
  }

  /** @returns the next record, which stays the next one; undefined at the end */
  async peek(): Promise<LogRecord | undefined> {
    while (this.#next === this.#batch.length) {
      const next = await this.#batches.next();
      if (next.done === true) return undefined;
      this.#batch = next.value;
      this.#next = 0;
    }
    return this.#batch[this.#next];
  }

  skip(): void {
    this.#next += 1;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

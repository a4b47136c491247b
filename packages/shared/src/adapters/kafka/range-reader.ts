import { OperationalError } from "../../errors/operational.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogRecord, Subscription, SubscriptionEvents } from "../../ports/event-log.ts";

/**
 * Reads ranges of a topic through one long-lived group member of its own, which holds every partition
 * paused, and is sought and resumed for as long as a read takes.
 *
 * One read is under way per partition; others wait their turn. A member that brings nothing of a partition
 * any more is given up, with an error for who reads, and the next read opens another: after an outage of a
 * broker kafkajs may have forgotten to fetch from it.
 */
interface Read {
  readonly from: number;
  readonly to: number;
  readonly batches: (readonly LogRecord[])[];
  next: number;
  wake: () => void;
}

const HELD_BATCHES_MAX = 8;
const STALLED_MS_MAX = 15_000;

export class RangeReader {
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #subscribe: (events: SubscriptionEvents) => Promise<Subscription>;
  readonly #partitions: number;
  readonly #reads = new Map<number, Read>();
  readonly #turns = new Map<number, Promise<void>>();
  #subscription: Promise<Subscription> | undefined;

  constructor(options: {
    topic: string;
    partitions: number;
    clock: Clock;
    subscribe: (events: SubscriptionEvents) => Promise<Subscription>;
  }) {
    this.#topic = options.topic;
    this.#partitions = options.partitions;
    this.#clock = options.clock;
    this.#subscribe = options.subscribe;
  }

  async *read(partition: number, from: number, to: number): AsyncIterable<readonly LogRecord[]> {
    if (from >= to) return;
    const release = await this.#turn(partition);
    try {
      this.#subscription ??= this.#open();
      yield* this.#readWith(this.#subscription, partition, from, to);
    } finally {
      release();
    }
  }

  async #turn(partition: number): Promise<() => void> {
    const before = this.#turns.get(partition);
    let release = (): void => {};
    this.#turns.set(partition, new Promise((resolve) => (release = resolve)));
    await before;
    return release;
  }

  async *#readWith(
    opened: Promise<Subscription>,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    const subscription = await opened.catch((error: unknown) => {
      this.#forget(opened);
      throw error;
    });
    const read: Read = { from, to, batches: [], next: from, wake: () => {} };
    this.#reads.set(partition, read);
    try {
      subscription.seek(partition, from);
      subscription.resume(partition);
      yield* this.#drain(subscription, partition, read);
    } catch (error) {
      if (this.#forget(opened)) this.#closeWhenIdle(subscription);
      throw error;
    } finally {
      subscription.pause(partition);
      this.#reads.delete(partition);
    }
  }

  #forget(opened: Promise<Subscription>): boolean {
    if (this.#subscription !== opened) return false;
    this.#subscription = undefined;
    return true;
  }

  /** Other reads may still go on with it. */
  #closeWhenIdle(subscription: Subscription): void {
    void Promise.all(this.#turns.values()).then(() => subscription.close());
  }

  async *#drain(
    subscription: Subscription,
    partition: number,
    read: Read,
  ): AsyncIterable<readonly LogRecord[]> {
    let given = read.from;
    while (given < read.to) {
      const batch = read.batches.shift();
      if (batch === undefined) {
        if (read.next < read.to) subscription.resume(partition);
        await this.#more(partition, read);
        continue;
      }
      given += batch.length;
      yield batch;
    }
  }

  #more(partition: number, read: Read): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(STALLED_MS_MAX, () =>
        reject(this.#stalled(partition, read)),
      );
      read.wake = () => {
        cancel();
        resolve();
      };
      if (read.batches.length > 0) read.wake();
    });
  }

  #stalled(partition: number, { next }: Read): OperationalError<"LOG-001"> {
    const cause = `nothing came from ${this.#topic}/${partition} at ${next} for ${STALLED_MS_MAX} ms`;
    return new OperationalError("LOG-001", { what: `${this.#topic}/${partition}`, cause }, cause);
  }

  async #open(): Promise<Subscription> {
    let ready = (): void => {};
    const all = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const held = new Set<number>();
    const subscription = await this.#subscribe({
      assigned: (partitions) => {
        for (const partition of partitions) held.add(partition);
        if (held.size === this.#partitions) ready();
      },
      revoked: (partitions) => {
        for (const partition of partitions) held.delete(partition);
      },
      records: (partition, records) => this.#take(subscription, partition, records),
      failed: () => {},
    });
    await all;
    for (let partition = 0; partition < this.#partitions; partition++)
      subscription.pause(partition);
    return subscription;
  }

  #take(subscription: Subscription, partition: number, records: readonly LogRecord[]): void {
    const read = this.#reads.get(partition);
    if (read === undefined) return;
    const wanted = records.filter(({ offset }) => offset >= read.next && offset < read.to);
    const last = wanted.at(-1);
    if (last === undefined) return;
    read.batches.push(wanted);
    read.next = last.offset + 1;
    if (read.next >= read.to || read.batches.length >= HELD_BATCHES_MAX)
      subscription.pause(partition);
    read.wake();
  }

  async close(): Promise<void> {
    await (await this.#subscription?.catch(() => undefined))?.close();
  }
}

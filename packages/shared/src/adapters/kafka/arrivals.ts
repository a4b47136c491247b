import type { Consumer } from "kafkajs";
import type { Clock } from "../../ports/clock.ts";
import type { Leaders } from "./leaders.ts";

/**
 * Until when all records of a partition have arrived: what a timer waits for before it fires.
 *
 * kafkajs tells nobody of a fetch that found nothing, so this is made out from its instrumentation: a
 * fetch from the partition's leader that began at a time, was answered, and whose batches have all been
 * handed over (that is when the next fetch begins) has brought everything up to that time, unless its
 * batch ended before the partition did.
 */
interface Fetch {
  readonly startedAt: number;
  answered: boolean;
  finished: boolean;
}

export class Arrivals {
  readonly #topic: string;
  readonly #leaders: Leaders;
  readonly #clock: Clock;
  readonly #until = new Map<number, number>();
  /** Partitions whose last batch did not reach the end. */
  readonly #behind = new Set<number>();
  /** Since when a partition takes part in fetches without interruption. */
  readonly #since = new Map<number, number>();
  readonly #fetches = new Map<number, Fetch>();
  /** What each broker's last whole fetch has brought everything up to. */
  readonly #brought = new Map<number, number>();

  constructor(topic: string, leaders: Leaders, clock: Clock) {
    this.#topic = topic;
    this.#leaders = leaders;
    this.#clock = clock;
  }

  listen(consumer: Consumer): void {
    consumer.on(consumer.events.FETCH_START, ({ payload }) => {
      // kafkajs' types know a node's id as a string; it is a number.
      this.#begin(Number((payload as { nodeId?: unknown }).nodeId));
    });
    consumer.on(consumer.events.REQUEST, ({ payload }) => {
      if (payload.apiName !== "Fetch") return;
      const node = this.#leaders.nodeAt(payload.broker);
      const fetch = node === undefined ? undefined : this.#fetches.get(node);
      if (fetch !== undefined) fetch.answered = true;
    });
    consumer.on(consumer.events.FETCH, ({ payload }) => {
      const fetch = this.#fetches.get(Number((payload as { nodeId?: unknown }).nodeId));
      if (fetch !== undefined) fetch.finished = true;
    });
  }

  /** The fetch before this one has handed over all that it brought. */
  #begin(node: number): void {
    const last = this.#fetches.get(node);
    if (last?.answered === true && last.finished) this.#brought.set(node, last.startedAt);
    const startedAt = this.#clock.monotonicMs();
    this.#fetches.set(node, { startedAt, answered: false, finished: false });
  }

  arrived(partition: number, moreAtBroker: boolean): void {
    if (moreAtBroker) this.#behind.add(partition);
    else this.#behind.delete(partition);
  }

  until(partition: number): number {
    if (this.#behind.has(partition)) return this.#until.get(partition) ?? Number.NEGATIVE_INFINITY;
    const leader = this.#leaders.of(this.#topic, partition);
    const brought = leader === undefined ? undefined : this.#brought.get(leader);
    const since = this.#since.get(partition) ?? this.#begunNow(partition);
    if (brought !== undefined && brought > since) this.#until.set(partition, brought);
    return this.#until.get(partition) ?? Number.NEGATIVE_INFINITY;
  }

  #begunNow(partition: number): number {
    const now = this.#clock.monotonicMs();
    this.#since.set(partition, now);
    return now;
  }

  /** A partition was paused, or sought elsewhere: what was fetched before says nothing any more. */
  forget(partition: number): void {
    this.#until.delete(partition);
    this.#behind.delete(partition);
    this.#since.set(partition, this.#clock.monotonicMs());
  }

  /** The group was joined anew. */
  reset(): void {
    this.#until.clear();
    this.#behind.clear();
    this.#since.clear();
    this.#brought.clear();
    this.#fetches.clear();
  }
}

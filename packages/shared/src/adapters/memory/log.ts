import { assert } from "../../errors/assert.ts";
import { OperationalError } from "../../errors/operational.ts";
import { sleep } from "../../ports/clock.ts";
import {
  type Appended,
  type Bounds,
  type EventLog,
  type LogRecord,
  type NewRecord,
  type PublishedRecord,
  RECORD_BYTES_MAX,
  type Subscription,
  type SubscriptionEvents,
  type Topic,
} from "../../ports/event-log.ts";
import { followLocal } from "../local/follow.ts";
import { readLocal } from "../local/read.ts";
import { LocalSubscription } from "../local/subscription.ts";
import type { MemoryLogServer } from "./log-server.ts";

/** How long a client of the test world waits for an answer that does not come. */
const ANSWER_MS_MAX = 5_000;

/** One process's connection to the log of the test world. */
export class MemoryLog implements EventLog {
  readonly #server: MemoryLogServer;
  readonly #appending = new Set<string>();
  readonly #open = new Set<() => Promise<void>>();

  constructor(server: MemoryLogServer) {
    this.#server = server;
  }

  get id(): string {
    return this.#server.id;
  }

  get partitions(): number {
    return this.#server.partitions;
  }

  async append(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const place = `${topic}/${partition}`;
    assert(!this.#appending.has(place), "one append under way per partition of a topic");
    assert(records.length > 0, "an append has records");
    this.#appending.add(place);
    try {
      await Promise.resolve();
      if (records.some(isTooLarge)) throw tooLarge(topic, partition);
      return await this.#write(topic, partition, records);
    } finally {
      this.#appending.delete(place);
    }
  }

  async #write(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const server = this.#server;
    const fate = server.faults.append(topic, partition, records);
    if (fate === "done") return server.write(topic, partition, records);
    if (fate === "doubled") {
      server.write(topic, partition, records);
      return server.write(topic, partition, records);
    }
    if (fate === "unanswered") server.write(topic, partition, records);
    if (typeof fate === "object") {
      server.clock.after(fate.lateMs, () => server.write(topic, partition, records));
    }
    await sleep(server.clock, ANSWER_MS_MAX);
    throw new OperationalError(
      "LOG-002",
      { topic, partition, cause: "no answer" },
      `${topic}/${partition} did not answer within ${ANSWER_MS_MAX} ms`,
    );
  }

  read(
    topic: Topic,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    const server = this.#server;
    const bounds = (of: Topic, which: number) => this.bounds(of, which);
    const slice = (of: Topic, which: number, at: number, max: number) =>
      server.slice(of, which, at, max);
    return readLocal({ bounds, slice }, topic, partition, from, to);
  }

  async follow(
    topic: Topic,
    partition: number,
    from: number,
    take: (records: readonly LogRecord[]) => void,
  ): Promise<() => Promise<void>> {
    const stop = followLocal(this.#server, topic, partition, from, take);
    this.#open.add(stop);
    return stop;
  }

  async subscribe(topic: Topic, group: string, events: SubscriptionEvents): Promise<Subscription> {
    const subscription = new LocalSubscription(this.#server, topic, group, events);
    this.#open.add(() => subscription.close());
    return subscription;
  }

  async bounds(topic: Topic, partition: number): Promise<Bounds> {
    return this.#server.bounds(topic, partition);
  }

  async ends(topic: Topic): Promise<readonly number[]> {
    const count = topic === "registry" ? 1 : this.partitions;
    return Array.from(
      { length: count },
      (_, partition) => this.#server.bounds(topic, partition).end,
    );
  }

  async bookmarked(
    _topic: Topic,
    group: string,
    partition: number,
  ): Promise<{ offset: number; note: string } | undefined> {
    await Promise.resolve();
    return this.#server.loadBookmark(group, partition);
  }

  async truncate(topic: Topic, partition: number, before: number): Promise<void> {
    this.#server.truncate(topic, partition, before);
  }

  async publish(record: PublishedRecord): Promise<void> {
    this.#server.published.push(record);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((close) => close()));
    this.#open.clear();
  }
}

function isTooLarge({ key, header, value }: NewRecord): boolean {
  return Buffer.byteLength(header + (key ?? "")) + (value?.length ?? 0) > RECORD_BYTES_MAX;
}

/** As brokers refuse it. */
function tooLarge(topic: Topic, partition: number): OperationalError<"LOG-003"> {
  const cause = `a record of more than ${RECORD_BYTES_MAX} bytes`;
  return new OperationalError(
    "LOG-003",
    { topic, partition, cause },
    `${topic}/${partition}: ${cause}`,
  );
}

import type { Admin } from "kafkajs";
import type { Clock } from "../../ports/clock.ts";

/** Which broker leads which partition, as far as is known; asked again when a send fails, or is old. */
export class Leaders {
  readonly #admin: Admin;
  readonly #clock: Clock;
  readonly #topics: readonly string[];
  #known = new Map<string, number>();
  #addresses = new Map<string, number>();
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(admin: Admin, clock: Clock, topics: readonly string[]) {
    this.#admin = admin;
    this.#clock = clock;
    this.#topics = topics;
  }

  /** @returns undefined for a partition whose leader is not known, or that has none now */
  of(topic: string, partition: number): number | undefined {
    const leader = this.#known.get(`${topic}/${partition}`);
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** @returns undefined for an address that is no broker's */
  nodeAt(address: string): number | undefined {
    return this.#addresses.get(address);
  }

  get isOld(): boolean {
    return this.#clock.monotonicMs() - this.#askedAt > MAX_AGE_MS;
  }

  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const [{ topics }, { brokers }] = await Promise.all([
      this.#admin.fetchTopicMetadata({ topics: [...this.#topics] }),
      this.#admin.describeCluster(),
    ]);
    this.#askedAt = this.#clock.monotonicMs();
    this.#known = new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionId, leader }) => [`${name}/${partitionId}`, leader] as const),
      ),
    );
    this.#addresses = new Map(brokers.map(({ host, port, nodeId }) => [`${host}:${port}`, nodeId]));
  }
}

const MAX_AGE_MS = 30_000;

import { type Admin, type Kafka, Partitioners, type Producer } from "kafkajs";
import { parseRegistryRecord } from "../../contract/registry-record.ts";
import { isOperational, messageOf, OperationalError } from "../../errors/operational.ts";
import { type Clock, randomName, sleep } from "../../ports/clock.ts";
import type {
  Appended,
  Bounds,
  EventLog,
  LogRecord,
  NewRecord,
  PublishedRecord,
  Subscription,
  SubscriptionEvents,
  Topic,
} from "../../ports/event-log.ts";
import { outOfRange } from "../local/read.ts";
import { Appender } from "./appender.ts";
import { isPassing, isRefusal, isUnknownTopic, rootOf } from "./broker-errors.ts";
import {
  createKafka,
  type KafkaAddress,
  type KafkaLine,
  type LineWatcher,
  readKafkaUrl,
} from "./connect.ts";
import { Leaders } from "./leaders.ts";
import { RangeReader } from "./range-reader.ts";
import { letGo, Sockets } from "./sockets.ts";
import { KafkaSubscription, type KafkaSubscriptionOptions } from "./subscription.ts";
import { ensureTopics, newLogId, noLog, topicBounds } from "./topics.ts";

export interface KafkaLogOptions {
  readonly url: string;
  /** Before the names of our topics, with its dot: `millrace.` */
  readonly prefix: string;
  /** Of `events` and `journal`, where they have to be made; those that are there must have as many. */
  readonly partitions: number | undefined;
  readonly allow: ReadonlySet<string>;
  /** Whether the log has to be there, for one who only reads: nothing is made. */
  readonly existing?: boolean;
  readonly clock: Clock;
  readonly line: KafkaLine;
}

const PARTITIONS = 64;
/** How a consumer fetches that is fetched from all the time. */
const MEMBER = { maxWaitMs: 50, fetchBytesMax: 1024 * 1024 } as const;
/** One that is mostly paused, and sleeps that long; then it has much to read, in few fetches. */
const READER = { maxWaitMs: 10, fetchBytesMax: 4 * 1024 * 1024 } as const;

const PASSING_MS_MAX = 15_000;
const PASSING_PAUSE_MS = 100;

/** The log on Kafka. */
export class KafkaLog implements EventLog {
  readonly id: string;
  readonly partitions: number;
  readonly #options: KafkaLogOptions;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #appender: Appender;
  readonly #leaders: Leaders;
  readonly #lines: Set<LineWatcher>;
  readonly #parts: Connected;
  readonly #readers = new Map<Topic, RangeReader>();
  readonly #open = new Set<Subscription>();
  #publisher: Promise<Producer> | undefined;

  private constructor(options: KafkaLogOptions, parts: Connected, id: string, partitions: number) {
    this.#options = options;
    this.#kafka = parts.kafka;
    this.#admin = parts.admin;
    this.#leaders = parts.leaders;
    this.#appender = parts.appender;
    this.#lines = parts.lines;
    this.#parts = parts;
    this.id = id;
    this.partitions = partitions;
  }

  /**
   * @throws OperationalError LOG-001 when no broker answers, START-002 when the brokers are not safe,
   * LOG-004 when the topics have another count of partitions than was recorded or asked for
   */
  static async open(options: KafkaLogOptions): Promise<KafkaLog> {
    const address = readKafkaUrl(options.url);
    const connected = await connect(options, address);
    try {
      const { admin, leaders } = connected;
      const { existing = false } = options;
      const wanted = { ...options, existing, partitions: options.partitions ?? PARTITIONS };
      const partitions = await waitOut(options.clock, () => ensureTopics(admin, wanted));
      await waitOut(options.clock, () => leaders.refresh());
      const probe = new KafkaLog(options, connected, "", partitions);
      const identity = await probe.#identify(partitions);
      for (const [what, count] of [
        ["topics", partitions],
        ["setting", options.partitions ?? identity.partitions],
      ] as const) {
        if (count !== identity.partitions) throw otherCount(what, count, identity.partitions);
      }
      await probe.#closeReaders();
      return new KafkaLog(options, connected, identity.id, partitions);
    } catch (error) {
      disconnect(connected);
      throw isOperational(error) ? error : unreachable(address, error);
    }
  }

  /** The first `log` record of the registry says which log this is; of two written at once, one is first. */
  async #identify(partitions: number): Promise<{ id: string; partitions: number }> {
    for (;;) {
      const { start, end } = await this.bounds("registry", 0);
      for await (const batch of this.read("registry", 0, start, end)) {
        for (const { value } of batch) {
          const record = parseRegistryRecord(value);
          if (record?.kind === "log") return record;
        }
      }
      if (this.#options.existing === true) throw noLog("the registry has no record of it");
      const value = JSON.stringify({ v: 1, kind: "log", id: newLogId(), partitions });
      const record = { key: null, header: '{"v":1,"kind":"log"}', value };
      await this.append("registry", 0, [record]).catch((error: unknown) => {
        if (!isOperational(error, "LOG-002")) throw error;
      });
    }
  }

  #name(topic: Topic): string {
    return this.#options.prefix + topic;
  }

  async append(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    return await this.#appender.append(this.#name(topic), partition, records);
  }

  async *read(
    topic: Topic,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    if (from >= to) return;
    const { start } = await this.bounds(topic, partition);
    if (from < start) throw outOfRange(topic, partition, from, start);
    yield* this.#reader(topic).read(partition, from, to);
  }

  #reader(topic: Topic): RangeReader {
    let reader = this.#readers.get(topic);
    if (reader === undefined) {
      const { clock } = this.#options;
      reader = new RangeReader({
        topic: this.#name(topic),
        partitions: topic === "registry" ? 1 : this.partitions,
        clock,
        subscribe: (events) =>
          this.#join(topic, randomName(clock, `${this.#groupPrefix}-reader`), events, READER),
      });
      this.#readers.set(topic, reader);
    }
    return reader;
  }

  async follow(
    topic: Topic,
    partition: number,
    from: number,
    take: (records: readonly LogRecord[]) => void,
  ): Promise<() => Promise<void>> {
    const group = randomName(this.#options.clock, `${this.#groupPrefix}-follower`);
    let joined: (subscription: Subscription) => void = () => {};
    const subscribed = new Promise<Subscription>((resolve) => (joined = resolve));
    let at = from;
    const subscription = await this.#join(
      topic,
      group,
      {
        assigned(partitions) {
          if (partitions.includes(partition))
            void subscribed.then((own) => own.seek(partition, at));
        },
        revoked() {},
        records(which, records) {
          if (which !== partition) return;
          at = (records.at(-1)?.offset ?? at - 1) + 1;
          take(records);
        },
        failed: () => {},
      },
      MEMBER,
    );
    joined(subscription);
    return () => this.#leave(subscription);
  }

  subscribe(topic: Topic, group: string, events: SubscriptionEvents): Promise<Subscription> {
    return this.#join(topic, this.#groupId(group), events, MEMBER);
  }

  #groupId(group: string): string {
    return `${this.#groupPrefix}-${group}`;
  }

  /** `millrace` for the prefix `millrace.`: groups of other installations have other names. */
  get #groupPrefix(): string {
    return this.#options.prefix.replace(/\.$/, "");
  }

  async #join(
    topic: Topic,
    groupId: string,
    events: SubscriptionEvents,
    fetches: Pick<KafkaSubscriptionOptions, "maxWaitMs" | "fetchBytesMax">,
  ): Promise<Subscription> {
    const subscription = await KafkaSubscription.open({
      kafka: this.#kafka,
      admin: this.#admin,
      leaders: this.#leaders,
      clock: this.#options.clock,
      lines: this.#lines,
      topic: this.#name(topic),
      groupId,
      partitions: topic === "registry" ? 1 : this.partitions,
      ...fetches,
      events,
    }).catch((error: unknown) => {
      throw unreachable(readKafkaUrl(this.#options.url), error);
    });
    this.#open.add(subscription);
    return subscription;
  }

  async #leave(subscription: Subscription): Promise<void> {
    this.#open.delete(subscription);
    await subscription.close();
  }

  async bounds(topic: Topic, partition: number): Promise<Bounds> {
    const found = (await this.#offsets(topic))[partition];
    if (found !== undefined) return found;
    throw new RangeError(`${topic} has no partition ${partition}`);
  }

  async ends(topic: Topic): Promise<readonly number[]> {
    return (await this.#offsets(topic)).map(({ end }) => end);
  }

  #offsets(topic: Topic): Promise<Bounds[]> {
    return this.#asked(() => topicBounds(this.#admin, this.#name(topic)));
  }

  async bookmarked(
    topic: Topic,
    group: string,
    partition: number,
  ): Promise<{ offset: number; note: string } | undefined> {
    const groupId = this.#groupId(group);
    const topics = [this.#name(topic)];
    const groups = await this.#admin.fetchOffsets({ groupId, topics });
    const found = groups[0]?.partitions.find((one) => one.partition === partition);
    if (found === undefined || Number(found.offset) < 0) return undefined;
    return { offset: Number(found.offset), note: found.metadata ?? "" };
  }

  async truncate(topic: Topic, partition: number, before: number): Promise<void> {
    const cut = { topic: this.#name(topic), partitions: [{ partition, offset: String(before) }] };
    await this.#asked(() => this.#admin.deleteTopicRecords(cut));
  }

  async publish(record: PublishedRecord): Promise<void> {
    this.#publisher ??= this.#openPublisher();
    const { topic, key, headers, value } = record;
    try {
      const producer = await this.#publisher;
      const messages = [{ key, value, headers: { ...headers } }];
      await waitOut(this.#options.clock, () => producer.send({ topic, acks: -1, messages }));
    } catch (error) {
      const root = rootOf(error);
      const cause = root.message;
      // A topic that was just made is waited for; one that nobody makes is not.
      const code = isRefusal(root) || isUnknownTopic(root) ? "LOG-003" : "LOG-002";
      const facts = { topic, partition: -1, cause };
      throw new OperationalError(code, facts, `${topic} did not take a record: ${cause}`, error);
    }
  }

  async #openPublisher(): Promise<Producer> {
    const producer = this.#kafka.producer({
      allowAutoTopicCreation: true,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    return producer;
  }

  #asked<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, url } = this.#options;
    return waitOut(clock, ask).catch((error: unknown) => {
      throw unreachable(readKafkaUrl(url), error);
    });
  }

  async #closeReaders(): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.close()));
    this.#readers.clear();
  }

  async close(): Promise<void> {
    await Promise.all([this.#closeReaders(), ...[...this.#open].map((one) => one.close())]);
    const publisher = await this.#publisher?.catch(() => undefined);
    disconnect(this.#parts, publisher);
  }
}

/** Waits out what passes by itself: topics that were just made, leaders that move. */
async function waitOut<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  const end = clock.monotonicMs() + PASSING_MS_MAX;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(rootOf(error)) || clock.monotonicMs() > end) throw error;
      await sleep(clock, PASSING_PAUSE_MS);
    }
  }
}

interface Connected {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
  readonly leaders: Leaders;
  readonly appender: Appender;
  readonly lines: Set<LineWatcher>;
  readonly sockets: Sockets;
}

async function connect(options: KafkaLogOptions, address: KafkaAddress): Promise<Connected> {
  const lines = new Set<LineWatcher>();
  const sockets = new Sockets();
  const kafka = createKafka(address, options.clock, options.line, lines, sockets);
  const admin = kafka.admin();
  const producer = kafka.producer({
    retry: { retries: 0 },
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  const names = (["events", "journal", "registry"] as const).map((topic) => options.prefix + topic);
  const leaders = new Leaders(admin, options.clock, names);
  try {
    await admin.connect();
    await producer.connect();
  } catch (error) {
    disconnect({ admin, producer, sockets });
    throw unreachable(address, error);
  }
  const appender = new Appender(producer, leaders);
  return { kafka, admin, producer, leaders, appender, lines, sockets };
}

function disconnect(
  { admin, producer, sockets }: Pick<Connected, "admin" | "producer" | "sockets">,
  publisher?: Producer,
): void {
  letGo(admin);
  letGo(producer);
  if (publisher !== undefined) letGo(publisher);
  sockets.destroyAll();
}

function unreachable(address: KafkaAddress, error: unknown): OperationalError<"LOG-001"> {
  const cause = rootOf(error).message || messageOf(error);
  return new OperationalError(
    "LOG-001",
    { what: address.shown, cause },
    `no answer from ${address.shown}: ${cause}; is Kafka running, and is MILLRACE_LOG_URL right?`,
    error,
  );
}

function otherCount(what: string, found: number, recorded: number): OperationalError<"LOG-004"> {
  const source = what === "topics" ? "the topics have" : "MILLRACE_PARTITIONS asks for";
  return new OperationalError(
    "LOG-004",
    { recorded, found },
    `this log was made with ${recorded} partitions, ${source} ${found}; a key would move to another partition`,
  );
}

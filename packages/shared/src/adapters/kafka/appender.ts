import type { Message, Producer, RecordMetadata } from "kafkajs";
import { assert } from "../../errors/assert.ts";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import type { Appended, NewRecord } from "../../ports/event-log.ts";
import { HEADER } from "../../contract/header.ts";
import { isRefusal, rootOf } from "./broker-errors.ts";
import type { Leaders } from "./leaders.ts";

/**
 * Appends through a plain producer without retries: kafkajs 2.2.4 loses acknowledged records when it
 * retries idempotent or multi-partition sends (docs/architecture.md, section 5).
 *
 * Owns what waits for each broker. Invariants:
 *   K1 one request is under way per leader; what comes meanwhile goes into the next one, so a turn of
 *      many partitions costs one request a broker (64 sends cost three times as much);
 *   K2 a request names one leader only, for kafkajs answers a send whole or not at all;
 *   K3 an answer that does not name a partition is no answer for it;
 *   K4 nothing is repeated here: whoever appends knows what a repeat would mean.
 */
interface Waiting {
  readonly topic: string;
  readonly partition: number;
  readonly messages: Message[];
  readonly bytes: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  waiting: Waiting[];
  busy: boolean;
}

/** Below the broker's default `socket.request.max.bytes` of 100 MB by far. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
const ANSWER_MS_MAX = 10_000;

export class Appender {
  readonly #producer: Producer;
  readonly #leaders: Leaders;
  /** By leader; a partition whose leader is not known has one of its own (K2). */
  readonly #lanes = new Map<number | string, Lane>();
  readonly #underWay = new Set<string>();

  constructor(producer: Producer, leaders: Leaders) {
    this.#producer = producer;
    this.#leaders = leaders;
  }

  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const place = `${topic}/${partition}`;
    assert(!this.#underWay.has(place), "one append under way per partition of a topic");
    assert(records.length > 0, "an append has records");
    this.#underWay.add(place);
    const appended = new Promise<Appended>((resolve, reject) => {
      const messages = records.map((record) => toMessage(record, partition));
      const bytes = records.reduce(
        (sum, { header, value }) => sum + header.length + (value?.length ?? 0),
        0,
      );
      this.#enqueue({ topic, partition, messages, bytes, resolve, reject });
    });
    return appended.finally(() => this.#underWay.delete(place));
  }

  #enqueue(waiting: Waiting): void {
    const { topic, partition } = waiting;
    const leader = this.#leaders.of(topic, partition) ?? `${topic}/${partition}`;
    let lane = this.#lanes.get(leader);
    if (lane === undefined) {
      lane = { waiting: [], busy: false };
      this.#lanes.set(leader, lane);
    }
    lane.waiting.push(waiting);
    if (lane.busy) return;
    lane.busy = true;
    const own = lane;
    // What other partitions append in the same turn goes with it.
    setImmediate(() => void this.#drain(own));
  }

  async #drain(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      if (this.#leaders.isOld) await this.#leaders.refresh().catch(() => {});
      await this.#send(cut(lane));
    }
    lane.busy = false;
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const topicMessages = Array.from(
      Map.groupBy(batch, ({ topic }) => topic),
      ([topic, waiting]) => ({ topic, messages: grouped(waiting) }),
    );
    try {
      const answers = await this.#producer.sendBatch({
        acks: -1,
        timeout: ANSWER_MS_MAX,
        topicMessages,
      });
      this.#answer(batch, answers);
    } catch (error) {
      for (const waiting of batch) waiting.reject(errorOf(waiting, error, batch.length === 1));
      await this.#leaders.refresh().catch(() => {});
    }
  }

  #answer(batch: readonly Waiting[], answers: readonly RecordMetadata[]): void {
    const byPlace = new Map(answers.map((one) => [`${one.topicName}/${one.partition}`, one]));
    for (const waiting of batch) {
      const one = byPlace.get(`${waiting.topic}/${waiting.partition}`);
      if (one?.baseOffset === undefined || one.errorCode !== 0) {
        waiting.reject(unanswered(waiting, "the answer does not name the partition"));
        continue;
      }
      const time = Number(one.logAppendTime);
      waiting.resolve({ offset: Number(one.baseOffset), time: time > 0 ? time : Date.now() });
    }
  }
}

/**
 * The messages of a topic, as kafkajs takes them: it groups them by partition, in a `reduce` that copies
 * the group anew for each message, which is a tenth of what an engine allocates. Here that is answered
 * with the groups as they are; they have a partition each, for one append is under way per partition.
 */
function grouped(waiting: readonly Waiting[]): Message[] {
  const groups = Object.fromEntries(
    waiting.map(({ partition, messages }) => [partition, messages]),
  );
  const all = waiting.flatMap(({ messages }) => messages);
  return Object.defineProperty(all, "reduce", { value: () => groups });
}

function cut(lane: Lane): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const waiting of lane.waiting) {
    bytes += waiting.bytes;
    if (count > 0 && bytes > REQUEST_BYTES_MAX) break;
    count += 1;
  }
  return lane.waiting.splice(0, count);
}

function toMessage({ key, header, value }: NewRecord, partition: number): Message {
  return { key, value, partition, headers: { [HEADER]: header } };
}

/** A refusal is certain only of a request's sole partition: of others, nothing is known. */
function errorOf(waiting: Waiting, error: unknown, sole: boolean): OperationalError {
  const root = rootOf(error);
  if (!sole || !isRefusal(root)) {
    return unanswered(waiting, root.message, error);
  }
  const { topic, partition } = waiting;
  return new OperationalError(
    "LOG-003",
    { topic, partition, cause: root.message },
    `${topic}/${partition} refused ${waiting.messages.length} records: ${root.message}`,
    error,
  );
}

function unanswered(
  { topic, partition }: Waiting,
  cause: string,
  error?: unknown,
): OperationalError<"LOG-002"> {
  return new OperationalError(
    "LOG-002",
    { topic, partition, cause },
    `${topic}/${partition}: ${messageOf(cause)}`,
    error,
  );
}

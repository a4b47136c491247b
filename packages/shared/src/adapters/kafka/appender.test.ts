import type { Admin, Producer, ProducerBatch, RecordMetadata } from "kafkajs";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SimClock } from "../../../../../test/support/sim-clock.ts";
import { isOperational, type OperationalError } from "../../errors/operational.ts";
import type { Appended } from "../../ports/event-log.ts";
import { Appender } from "./appender.ts";
import { Leaders } from "./leaders.ts";

/**
 * What an append is told, by what a broker answers, or kafkajs throws; real ones do both in test/conformance.
 *
 * Attacks: K1, K2, K3 and K4 of appender.ts.
 */

type Answer = () => Promise<RecordMetadata[]>;

/** Broker 1 leads partitions 0 and 1 of `events`, broker 2 partition 2. */
const leaderOf = [1, 1, 2];

class Broker {
  /** By request: the partitions that it names. */
  readonly requests: number[][] = [];
  answer: Answer = async () => [];
  #hold: Promise<void> = Promise.resolve();

  readonly producer = {
    sendBatch: async ({ topicMessages = [] }: ProducerBatch) => {
      const all = topicMessages.flatMap(({ messages }) =>
        messages.map(({ partition }) => partition),
      );
      this.requests.push([...new Set(all as number[])]);
      await this.#hold;
      return await this.answer();
    },
  } as unknown as Producer;

  /** Requests are not answered until what is returned is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hold = promise;
    return resolve;
  }
}

const admin = {
  fetchTopicMetadata: async () => ({
    topics: [
      {
        name: "events",
        partitions: leaderOf.map((leader, partitionId) => ({ partitionId, leader })),
      },
    ],
  }),
  describeCluster: async () => ({ brokers: [] }),
} as unknown as Admin;

async function open(): Promise<{ broker: Broker; append: typeof Appender.prototype.append }> {
  const leaders = new Leaders(admin, new SimClock(1), ["events"]);
  await leaders.refresh();
  const broker = new Broker();
  const appender = new Appender(broker.producer, leaders);
  return { broker, append: appender.append.bind(appender) };
}

const record = { key: "k", header: "h", value: Buffer.from("v") };

function answerOf(partition: number, more: Partial<RecordMetadata> = {}): RecordMetadata {
  const place = { topicName: "events", partition, errorCode: 0 };
  return { ...place, baseOffset: String(100 * partition), logAppendTime: "5", ...more };
}

/** @returns what became of each append: its offset, or the code of its error */
async function ends(appends: readonly Promise<Appended>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(appends);
  return settled.map((one) => {
    if (one.status === "fulfilled") return one.value.offset;
    expect(isOperational(one.reason)).toBe(true);
    return (one.reason as OperationalError).code;
  });
}

const all = (append: Appender["append"], ...partitions: number[]): Promise<Appended>[] =>
  partitions.map((partition) => append("events", partition, [record]));

test("an answer is one for the partitions that it names, and says well of (K3)", async () => {
  const { broker, append } = await open();
  const answers: readonly (readonly [RecordMetadata[], unknown])[] = [
    [[answerOf(0)], 0],
    [[], "LOG-002"],
    [[answerOf(1)], "LOG-002"],
    [[answerOf(0, { topicName: "journal" })], "LOG-002"],
    [[answerOf(0, { errorCode: 7 })], "LOG-002"],
    [[{ topicName: "events", partition: 0, errorCode: 0 }], "LOG-002"],
  ];
  for (const [answer, end] of answers) {
    broker.answer = async () => answer;
    expect(await ends(all(append, 0))).toEqual([end]);
  }
});

test("of several partitions, each has its own answer, or none (K3)", async () => {
  const { broker, append } = await open();
  broker.answer = async () => [answerOf(1)];
  expect(await ends(all(append, 0, 1))).toEqual(["LOG-002", 100]);
  expect(broker.requests).toEqual([[0, 1]]);
});

const refusal = Object.assign(new Error("too large"), { type: "MESSAGE_TOO_LARGE" });

test("a refusal is certain of a sole partition; of several, nothing is known of any", async () => {
  const { broker, append } = await open();
  broker.answer = async () => {
    throw refusal;
  };
  expect(await ends(all(append, 0))).toEqual(["LOG-003"]);
  expect(await ends(all(append, 0, 1))).toEqual(["LOG-002", "LOG-002"]);
});

test("nothing is repeated here, whatever was answered (K4)", async () => {
  const { broker, append } = await open();
  const failures: readonly Answer[] = [
    async () => [],
    async () => [answerOf(0, { errorCode: 7 })],
    async () => {
      throw new Error("connection lost");
    },
    async () => {
      throw refusal;
    },
  ];
  for (const [at, answer] of failures.entries()) {
    broker.answer = answer;
    await ends(all(append, 0));
    await turn();
    expect(broker.requests).toHaveLength(at + 1);
  }
});

test("a request names one leader, and one is under way for each (K1, K2)", async () => {
  const { broker, append } = await open();
  const release = broker.hold();
  broker.answer = async () => [answerOf(0), answerOf(1), answerOf(2)];
  const appends = all(append, 0, 2);
  await turn();
  appends.push(...all(append, 1));
  await turn();
  expect(broker.requests).toEqual([[0], [2]]);
  release();
  expect(await ends(appends)).toEqual([0, 200, 100]);
  expect(broker.requests).toEqual([[0], [2], [1]]);
});

import type { Admin, ITopicConfig } from "kafkajs";
import { describe, expect, test } from "vitest";
import { type OperationalError, isOperational } from "../../errors/operational.ts";
import { ensureTopics } from "./topics.ts";

/**
 * Attacks: A1 and A2 of topics.ts.
 *
 * What is decided on what a cluster says of itself. A real one is asked in test/integration/servers.test.ts
 * and unsafe-servers.test.ts.
 *
 * Attacks: A1 and A2 of topics.ts.
 */

const names = ["millrace.events", "millrace.journal", "millrace.registry"];

const safe: Readonly<Record<string, string>> = {
  "min.insync.replicas": "2",
  "message.timestamp.type": "LogAppendTime",
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "max.message.bytes": "4194304",
  "unclean.leader.election.enable": "false",
};

interface Said {
  readonly brokers: number;
  readonly topics: readonly string[];
  readonly replicas: number;
  readonly partitions: Readonly<Record<string, number>>;
  /** Of the journal; the others are safe. */
  readonly settings: Readonly<Record<string, string>>;
}

const safeCluster: Said = {
  brokers: 3,
  topics: names,
  replicas: 3,
  partitions: {},
  settings: safe,
};

/** @returns what it answers, and the topics that were asked for */
function clusterThatSays(said: Partial<Said>): { admin: Admin; made: ITopicConfig[] } {
  const { brokers, topics, replicas, partitions, settings } = { ...safeCluster, ...said };
  const made: ITopicConfig[] = [];
  const admin = {
    listTopics: async () => topics,
    describeCluster: async () => ({ brokers: Array.from({ length: brokers }) }),
    createTopics: async (asked: { topics: ITopicConfig[] }) => made.push(...asked.topics) > 0,
    fetchTopicMetadata: async () => ({
      topics: names.map((name) => ({
        name,
        partitions: Array.from({ length: partitions[name] ?? 4 }, () => ({
          replicas: Array.from({ length: name === "millrace.journal" ? replicas : 3 }),
        })),
      })),
    }),
    describeConfigs: async () => ({
      resources: names.map((resourceName) => ({
        resourceName,
        configEntries: Object.entries(resourceName === "millrace.journal" ? settings : safe).map(
          ([configName, configValue]) => ({ configName, configValue }),
        ),
      })),
    }),
  };
  return { admin: admin as unknown as Admin, made };
}

async function refusalOf(said: Partial<Said>, ...allow: string[]): Promise<unknown> {
  const wanted = { prefix: "millrace.", partitions: 4, allow: new Set(allow), existing: false };
  return await ensureTopics(clusterThatSays(said).admin, wanted).then(
    () => "taken",
    (error: unknown) => error,
  );
}

const risks = ["single-broker", "unclean-election", "topic-settings"];

const unsafe: readonly [what: string, said: Partial<Said>, allow: string, says: RegExp][] = [
  [
    "two brokers, where topics are to be made",
    { brokers: 2, topics: [] },
    "single-broker",
    /2 brokers/,
  ],
  ["two replicas of a topic", { replicas: 2 }, "single-broker", /journal has 2 replicas/],
  ...(
    [
      ["min.insync.replicas", "1", "single-broker"],
      ["unclean.leader.election.enable", "true", "unclean-election"],
      ["message.timestamp.type", "CreateTime", "topic-settings"],
      ["cleanup.policy", "compact", "topic-settings"],
      ["retention.ms", "604800000", "topic-settings"],
      ["retention.bytes", "1000000", "topic-settings"],
      ["max.message.bytes", "1048588", "topic-settings"],
    ] as const
  ).map(([name, value, allow]): (typeof unsafe)[number] => [
    `${name}=${value}`,
    { settings: { ...safe, [name]: value } },
    allow,
    new RegExp(`journal has ${name}=${value},`),
  ]),
  [
    "no word of min.insync.replicas",
    { settings: { ...safe, "min.insync.replicas": undefined as never } },
    "single-broker",
    /min\.insync\.replicas/,
  ],
];

describe("a cluster that could lose what was acknowledged", () => {
  test.each(unsafe)("is refused for %s, unless that is allowed", async (_, said, allow, says) => {
    const others = risks.filter((risk) => risk !== allow);
    const refused = await refusalOf(said, ...others);
    expect(isOperational(refused, "START-002")).toBe(true);
    expect((refused as OperationalError<"START-002">).message).toMatch(says);
    expect((refused as OperationalError<"START-002">).facts.allow).toBe(allow);
    expect(await refusalOf(said, allow)).toBe("taken");
  });

  test("is taken where it is safe, larger records included", async () => {
    expect(await refusalOf({})).toBe("taken");
    expect(await refusalOf({ settings: { ...safe, "max.message.bytes": "8000000" } })).toBe(
      "taken",
    );
  });

  test("is refused where events and journal differ in partitions", async () => {
    const refused = await refusalOf({ partitions: { "millrace.journal": 5 } });
    expect(isOperational(refused, "LOG-004")).toBe(true);
  });
});

describe("topics that are missing", () => {
  async function madeOn(brokers: number, ...allow: string[]): Promise<readonly ITopicConfig[]> {
    const { admin, made } = clusterThatSays({ brokers, topics: ["millrace.registry"] });
    const wanted = { prefix: "millrace.", partitions: 4, allow: new Set(allow), existing: false };
    await ensureTopics(admin, wanted);
    return made;
  }

  const settingsOf = ({ configEntries = [] }: ITopicConfig) =>
    Object.fromEntries(configEntries.map(({ name, value }) => [name, value]));

  test("are made with 3 replicas of which 2 are in sync, and safe settings", async () => {
    const made = await madeOn(5);
    expect(made.map(({ topic }) => topic)).toEqual(["millrace.events", "millrace.journal"]);
    for (const topic of made) {
      expect(topic).toMatchObject({ numPartitions: 4, replicationFactor: 3 });
      expect(settingsOf(topic)).toEqual(safe);
    }
  });

  test("are made on one broker where that is allowed, with what it can keep", async () => {
    const [events] = await madeOn(1, "single-broker");
    expect(events?.replicationFactor).toBe(1);
    expect(settingsOf(events as ITopicConfig)).toEqual({ ...safe, "min.insync.replicas": "1" });
  });

  test("are not made for one who only reads", async () => {
    const { admin, made } = clusterThatSays({ topics: [] });
    const wanted = { prefix: "millrace.", partitions: 4, allow: new Set<string>(), existing: true };
    const refused: unknown = await ensureTopics(admin, wanted).catch((error: unknown) => error);
    expect(isOperational(refused, "LOG-001")).toBe(true);
    expect(made).toEqual([]);
  });
});

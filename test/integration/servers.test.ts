import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { systemClock } from "@millrace/shared/ports/clock";
import kafkajs, { type Admin, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kafkaForTests, redisClusterForTests, redisForTests } from "../support/servers/find.ts";
import {
  type KafkaCluster,
  type KafkaServer,
  startKafka,
  startKafkaCluster,
} from "../support/servers/kafka.ts";
import { mustRun } from "../support/servers/programs.ts";
import { pythonWith } from "../support/servers/python.ts";
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from "../support/servers/redis.ts";

/** Attacks: A1 of topics.ts. */

describe("a Kafka that a test starts for itself", () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka.stop());

  test("keeps its topics when it is killed and started again", async () => {
    const admin = adminOf(kafka.bootstrap);
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 3 }] });
    await admin.disconnect();

    await kafka.kill();
    await expect(adminOf(kafka.bootstrap, 0).connect()).rejects.toThrow();
    await kafka.restart();

    const again = adminOf(kafka.bootstrap);
    await again.connect();
    expect(await again.listTopics()).toContain("kept");
    await again.disconnect();
  });

  test("answers nothing while it is suspended", async () => {
    const admin = adminOf(kafka.bootstrap);
    await admin.connect();
    kafka.suspend();
    let answer: Promise<string>;
    // Its threads stop one after the other: the first may still be answered.
    do answer = admin.listTopics().then(() => "answered");
    while ((await Promise.race([answer, after(300, "silent")])) !== "silent");
    kafka.resume();
    expect(await answer).toBe("answered");
    await admin.disconnect();
  });
});

describe("three brokers that a test starts for itself", () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await startKafkaCluster();
  });
  afterAll(() => cluster.stop());

  test("have our topics with three replicas, two in sync, and nothing has to be allowed", async () => {
    const [first] = cluster.brokers;
    const log = await KafkaLog.open({
      url: `kafka://${first?.bootstrap}`,
      prefix: "safe.",
      partitions: 4,
      allow: new Set(),
      clock: systemClock,
      line: () => undefined,
    });
    await log.close();

    const admin = adminOf(first?.bootstrap ?? "");
    await admin.connect();
    const names = ["safe.events", "safe.journal", "safe.registry"];
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    const replicas = topics.flatMap((topic) => topic.partitions.map((one) => one.replicas.length));
    expect(replicas).toEqual(new Array(4 + 4 + 1).fill(3));
    const { resources } = await admin.describeConfigs({
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      includeSynonyms: false,
    });
    const inSync = resources.map(
      ({ configEntries }) =>
        configEntries.find(({ configName }) => configName === "min.insync.replicas")?.configValue,
    );
    expect(inSync).toEqual(["2", "2", "2"]);
    await admin.disconnect();
  });

  test("replicate a topic and go on without one of them", async () => {
    const [first, , third] = cluster.brokers;
    const admin = adminOf(first?.bootstrap ?? "");
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "replicated" }] });
    const before = await admin.fetchTopicMetadata({ topics: ["replicated"] });
    expect(before.topics[0]?.partitions[0]?.replicas).toHaveLength(3);

    await third?.kill();
    await expect
      .poll(async () => (await admin.describeCluster()).brokers.length, { timeout: 20_000 })
      .toBe(2);
    await admin.disconnect();
  });
});

describe("a Redis that a test starts for itself", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  test("forgets everything when it is killed, unless it was told to save", async () => {
    await redis.cli("SET", "saved", "yes");
    await redis.cli("SAVE");
    await redis.cli("SET", "unsaved", "yes");
    await redis.kill();
    await redis.restart();
    expect(await redis.cli("MGET", "saved", "unsaved")).toBe("yes");
  });

  test("evicts nothing", async () => {
    expect(await redis.cli("CONFIG", "GET", "maxmemory-policy")).toBe(
      "maxmemory-policy\nnoeviction",
    );
  });
});

describe("a Redis Cluster that a test starts for itself", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  test("keeps a key on one master and finds its slots again after a crash", async () => {
    const [first] = cluster.masters;
    expect(await first?.cli("-c", "SET", "{7}key", "value")).toBe("OK");
    await first?.kill();
    await first?.restart();
    await expect
      .poll(() => first?.cli("CLUSTER", "INFO"), { timeout: 10_000 })
      .toContain("cluster_state:ok");
  });
});

describe("a Python that a test asks for", () => {
  test("has the packages named", async () => {
    const python = await pythonWith(["paho-mqtt==2.1.0"]);
    const version = await mustRun(python, ["-c", "import paho.mqtt; print(paho.mqtt.__version__)"]);
    expect(version).toBe("2.1.0");
  });
});

describe("the servers that tests share", () => {
  test("are there", async () => {
    const admin = adminOf(new URL(kafkaForTests()).host);
    await admin.connect();
    expect((await admin.describeCluster()).brokers).not.toHaveLength(0);
    await admin.disconnect();
    expect(redisForTests()).toMatch(/^redis:/);
    expect(redisClusterForTests().split(",")).toHaveLength(3);
  });
});

function adminOf(bootstrap: string, retries = 5): Admin {
  return new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries },
  }).admin();
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

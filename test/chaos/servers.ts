import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import type { Launch } from "../support/servers/docker.ts";
import {
  type KafkaCluster,
  type KafkaServer,
  startKafkaCluster,
} from "../support/servers/kafka.ts";
import type { Entrance } from "../support/servers/kafka-settings.ts";
import { freePort } from "../support/servers/ports.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { SmallDisk } from "../support/servers/small-disk.ts";
import { TcpProxy } from "../support/servers/tcp-proxy.ts";
import { until } from "../support/until.ts";

/**
 * The two sides of the network: each process stands on one of them, and each side has its own way to
 * every broker and to Redis, so that one half of the processes can be cut off from a server.
 */
export const sides = ["A", "B"] as const;
export type Side = (typeof sides)[number];

export interface ServersOptions {
  readonly brokers: number;
  /** Of the disk of the last broker; none of its own where there is no root to mount it. */
  readonly diskMb?: number;
}

const REPLICATED_MS_MAX = 30_000;

/** Kafka, a Redis with a replica, and the ways to them. */
export class Servers {
  readonly #cluster: KafkaCluster;
  readonly #ways: Readonly<Record<Side, readonly TcpProxy[]>>;
  readonly #redisWays: Readonly<Record<Side, TcpProxy>>;
  /** Of the last broker. */
  readonly disk: SmallDisk | undefined;
  #master: RedisServer;
  #replica: RedisServer;

  private constructor(parts: {
    cluster: KafkaCluster;
    ways: Readonly<Record<Side, readonly TcpProxy[]>>;
    redis: readonly [RedisServer, RedisServer];
    redisWays: Readonly<Record<Side, TcpProxy>>;
    disk: SmallDisk | undefined;
  }) {
    this.#cluster = parts.cluster;
    this.#ways = parts.ways;
    [this.#master, this.#replica] = parts.redis;
    this.#redisWays = parts.redisWays;
    this.disk = parts.disk;
  }

  static async start({ brokers, diskMb }: ServersOptions): Promise<Servers> {
    const ways: Record<Side, TcpProxy[]> = { A: [], B: [] };
    const entrances = async (): Promise<readonly Entrance[]> => {
      const all: Entrance[] = [];
      for (const side of sides) {
        const port = await freePort();
        const way = await TcpProxy.open(port);
        ways[side].push(way);
        all.push({ name: `SIDE_${side}`, port, advertisedPort: way.port });
      }
      return all;
    };
    let disk: SmallDisk | undefined;
    const around = async (id: number, folder: string): Promise<(launch: Launch) => Launch> => {
      if (id !== brokers || diskMb === undefined || !SmallDisk.isPossible) return (one) => one;
      const own = await SmallDisk.open(join(folder, "data"), diskMb);
      disk = own;
      return (launch) => own.launch(launch);
    };
    const options = { brokers, heapMb: 384, entrances, around };
    const [cluster, master, replica] = await Promise.all([
      startKafkaCluster(options),
      startRedis({ args: redisArgs }),
      startRedis({ args: redisArgs }),
    ]);
    const redisWays = {
      A: await TcpProxy.open(master.port),
      B: await TcpProxy.open(master.port),
    };
    await follow(replica, master);
    return new Servers({ cluster, ways, redis: [master, replica], redisWays, disk });
  }

  get brokers(): readonly KafkaServer[] {
    return this.#cluster.brokers;
  }

  /** Past the proxies, for the checker. */
  get bootstrap(): readonly string[] {
    return this.brokers.map(({ bootstrap }) => bootstrap);
  }

  get redis(): RedisServer {
    return this.#master;
  }

  kafkaUrl(side: Side): string {
    return `kafka://${this.#ways[side].map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  redisUrl(side: Side): string {
    return `redis://127.0.0.1:${this.#redisWays[side].port}`;
  }

  waysToKafka(side: Side): readonly TcpProxy[] {
    return this.#ways[side];
  }

  wayToRedis(side: Side): TcpProxy {
    return this.#redisWays[side];
  }

  /** @returns whether every partition of every topic has all its replicas in sync; false while nobody answers */
  async isReplicated(): Promise<boolean> {
    const brokers = [...this.bootstrap];
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { topics } = await admin.fetchTopicMetadata();
      return topics.every(({ partitions }) =>
        partitions.every(({ isr, replicas }) => isr.length === replicas.length),
      );
    } catch {
      return false;
    } finally {
      await admin.disconnect();
    }
  }

  /** The master dies, its replica is promoted, the ways lead there, and the dead one comes back as its replica. */
  async failOverRedis(): Promise<void> {
    const [dead, next] = [this.#master, this.#replica];
    await dead.kill();
    await next.cli("REPLICAOF", "NO", "ONE");
    for (const side of sides) this.#redisWays[side].pointTo(next.port);
    [this.#master, this.#replica] = [next, dead];
    await dead.restart();
    await follow(dead, next);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#cluster.stop(), this.#master.stop(), this.#replica.stop()]);
    const proxies = sides.flatMap((side) => [...this.#ways[side], this.#redisWays[side]]);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    this.disk?.close();
  }
}

/** It comes back with what it had, but for the last second. */
const redisArgs = ["--appendonly", "yes", "--repl-diskless-sync-delay", "0"];

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await replica.cli("REPLICAOF", "127.0.0.1", String(master.port));
  const isUp = async (): Promise<boolean> =>
    (await replica.cli("INFO", "replication")).includes("master_link_status:up");
  await until(isUp, REPLICATED_MS_MAX);
}

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaServer } from "../support/servers/kafka.ts";
import { lastLines } from "../support/servers/programs.ts";
import { until } from "../support/until.ts";
import type { Place, Processes, Role } from "./processes.ts";
import type { Random } from "./random.ts";
import { type Servers, sides } from "./servers.ts";

/** Where a fault happens. */
export interface Scene {
  readonly servers: Servers;
  readonly processes: Processes;
  readonly random: Random;
}

/**
 * Something that goes wrong and, by the end of it, is mended again.
 *
 * @returns "not made" where the scene has nothing that it could harm
 */
export type Fault = (scene: Scene) => Promise<"not made" | void>;

/** Longer than the group session of 6 s, so that the partitions move meanwhile. */
const SUSPENDED_MS = [7_500, 11_000] as const;
/** Some of these are longer than a session, too. */
const CUT_MS = [500, 9_000] as const;
const AWAY_MS = [200, 4_000] as const;
const REPLICATED_MS_MAX = 90_000;

function killed(role: Role): Fault {
  return async ({ processes, random }) => {
    const place = random.pick(processes.of(role));
    await place.process.kill();
    await sleep(random.between(...AWAY_MS));
    await processes.replace(place);
  };
}

function stopped(role: Role): Fault {
  return async ({ processes, random }) => {
    const place = random.pick(processes.of(role));
    const code = await place.process.stop();
    if (code !== 0) throw new Error(`${role} ended with ${code} after SIGTERM`);
    await sleep(random.between(...AWAY_MS));
    await processes.replace(place);
  };
}

function suspended(role: Role): Fault {
  return async ({ processes, random }) => {
    const { process } = random.pick(processes.of(role));
    process.signal("SIGSTOP");
    await sleep(random.between(...SUSPENDED_MS));
    process.signal("SIGCONT");
  };
}

/** Faults of our processes and of the network between them and the servers. */
export const processFaults: Readonly<Record<string, Fault>> = {
  "gateway: kill -9": killed("gateway"),
  "gateway: SIGTERM": stopped("gateway"),
  "gateway: SIGSTOP": suspended("gateway"),
  "engine: kill -9": killed("engine"),
  "engine: SIGTERM": stopped("engine"),
  "engine: SIGSTOP": suspended("engine"),
  "dispatcher: kill -9": killed("dispatcher"),
  "dispatcher: SIGTERM": stopped("dispatcher"),
  "dispatcher: SIGSTOP": suspended("dispatcher"),
  "network: half cut off from Kafka": onWayToKafka((way) => way.cut()),
  "network: half hears nothing of Kafka": onWayToKafka((way) => way.stall()),
  "network: half is slow to Kafka": onWayToKafka((way) => way.slow(30)),
  "network: half cut off from one broker": async ({ servers, random }) => {
    await during(
      random.between(...CUT_MS),
      [random.pick(servers.waysToKafka(random.pick(sides)))],
      (way) => way.cut(),
    );
  },
  "network: half cut off from Redis": onWayToRedis((way) => way.cut()),
  "network: half hears nothing of Redis": onWayToRedis((way) => way.stall()),
  "network: a gateway hears nothing of dispatchers": onWayToGateway((way) => way.stall()),
  "network: a gateway cut off from dispatchers": onWayToGateway((way) => way.cut()),
};

type Way = ReturnType<Servers["wayToRedis"]>;

function onWayToKafka(harm: (way: Way) => void): Fault {
  return ({ servers, random }) =>
    during(random.between(...CUT_MS), servers.waysToKafka(random.pick(sides)), harm);
}

function onWayToRedis(harm: (way: Way) => void): Fault {
  return ({ servers, random }) =>
    during(random.between(...CUT_MS), [servers.wayToRedis(random.pick(sides))], harm);
}

function onWayToGateway(harm: (way: Way) => void): Fault {
  return async ({ processes, random }) => {
    const { wayToGateway } = random.pick<Place>(processes.of("gateway"));
    if (wayToGateway === undefined) return "not made";
    return await during(random.between(...CUT_MS), [wayToGateway], harm);
  };
}

async function during(ms: number, ways: readonly Way[], harm: (way: Way) => void): Promise<void> {
  for (const way of ways) harm(way);
  await sleep(ms);
  for (const way of ways) way.heal();
}

/** A broker that died is back in all replicas before the next fault: never two at once. */
async function afterBrokerFault(servers: Servers): Promise<void> {
  await until(() => servers.isReplicated(), REPLICATED_MS_MAX).catch((error: unknown) => {
    const logs = servers.brokers.map(({ logFile }) => lastLines(readFileSync(logFile, "utf8")));
    throw new Error(`the brokers are not in sync again:\n${logs.join("\n---\n")}`, {
      cause: error,
    });
  });
}

function onBroker(harm: (broker: KafkaServer, scene: Scene) => Promise<void>): Fault {
  return async (scene) => {
    await harm(scene.random.pick(scene.servers.brokers), scene);
    await afterBrokerFault(scene.servers);
  };
}

/** Faults of the servers. */
export const serverFaults: Readonly<Record<string, Fault>> = {
  "broker: kill -9": onBroker(async (broker, { random }) => {
    await broker.kill();
    await sleep(random.between(...AWAY_MS));
    await broker.restart();
  }),
  "broker: SIGTERM": onBroker(async (broker, { random }) => {
    await broker.stop();
    await sleep(random.between(...AWAY_MS));
    await broker.restart();
  }),
  "broker: SIGSTOP": onBroker(async (broker, { random }) => {
    broker.suspend();
    await sleep(random.between(...SUSPENDED_MS));
    broker.resume();
  }),
  "broker: its disk is full": async ({ servers, random }) => {
    const broker = servers.brokers.at(-1);
    if (servers.disk === undefined || broker === undefined) return "not made";
    servers.disk.fill();
    await sleep(random.between(2_000, 8_000));
    servers.disk.free();
    await broker.restart();
    await afterBrokerFault(servers);
  },
  "Redis: kill -9, and back with what it had": async ({ servers, random }) => {
    await servers.redis.kill();
    await sleep(random.between(...AWAY_MS));
    await servers.redis.restart();
  },
  "Redis: failover to its replica": ({ servers }) => servers.failOverRedis(),
  "Redis: FLUSHALL": async ({ servers }) => {
    await servers.redis.cli("FLUSHALL");
  },
  "Redis: SIGSTOP": async ({ servers, random }) => {
    servers.redis.suspend();
    await sleep(random.between(...CUT_MS));
    servers.redis.resume();
  },
};

import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { LmdbStateStore } from "@millrace/shared/adapters/lmdb/state-store";
import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import { connectRedis } from "@millrace/shared/adapters/redis/connect";
import { RedisSessionStore } from "@millrace/shared/adapters/redis/session-store";
import { RedisStateStore } from "@millrace/shared/adapters/redis/state-store";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { type Clock, systemClock } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { SessionStore } from "@millrace/shared/ports/session-store";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { Config } from "../config/settings.ts";
import type { Line } from "./logger.ts";

/** What every role of a process works on: the three ports, and what is folded from the registry. */
export interface Installation {
  readonly clock: Clock;
  readonly log: EventLog;
  readonly store: StateStore;
  readonly sessions: SessionStore;
  readonly catalogue: Catalogue;
  readonly registry: Registry;
  readonly events: EventsWriter;
  /** Whether the store can be reached, as far as is known. */
  storeConnected(): boolean;
  close(): Promise<void>;
}

/** Opens the servers, or the folder, that the settings name. @throws OperationalError */
export async function openInstallation(
  config: Config,
  line: Line,
  tracer?: Tracer,
): Promise<Installation> {
  const clock = systemClock;
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one();
  };
  try {
    const { log, store, sessions, storeConnected } = await openPorts(config, clock, line, closing);
    const catalogue = new Catalogue(log.partitions, (flow, why) => {
      line("error", "a published flow cannot be compiled by this version", { flow, why });
    });
    const registry = new Registry(log, catalogue, clock);
    const events = new EventsWriter(log, clock, { tracer });
    closing.push(async () => events.close());
    await registry.start();
    closing.push(() => registry.stop());
    const ports = { log, store, sessions, storeConnected };
    return { clock, ...ports, catalogue, registry, events, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Ports {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly sessions: SessionStore;
  storeConnected(): boolean;
}

async function openPorts(
  config: Config,
  clock: Clock,
  line: Line,
  closing: (() => Promise<void>)[],
): Promise<Ports> {
  const { logUrl, stateUrl } = config;
  if (logUrl.startsWith("file:")) {
    const environment = await openEnvironment(logUrl.slice("file:".length));
    closing.push(() => environment.close());
    const log = await LmdbLog.open(environment, clock, config.partitions);
    closing.push(() => log.close());
    if (stateUrl === logUrl) {
      const store = new LmdbStateStore(environment);
      closing.push(() => store.close());
      const sessions = new MemorySessionStore(clock);
      return { log, store, sessions, storeConnected: () => true };
    }
    return { log, ...(await openRedis(config, log.partitions, line, closing)) };
  }
  const log = await KafkaLog.open({
    url: logUrl,
    prefix: config.topicPrefix,
    partitions: config.partitions,
    allow: config.allow,
    clock,
    line,
  });
  closing.push(() => log.close());
  return { log, ...(await openRedis(config, log.partitions, line, closing)) };
}

async function openRedis(
  { stateUrl, topicPrefix, allow }: Config,
  partitions: number,
  line: Line,
  closing: (() => Promise<void>)[],
): Promise<Omit<Ports, "log">> {
  let connected = true;
  const redis = await connectRedis(stateUrl, {
    allow,
    onLost: (why) => {
      connected = false;
      line("warn", "the store cannot be reached; waiting for it", { why });
    },
    onBack: () => {
      connected = true;
      line("info", "the store is back");
    },
  });
  closing.push(() => redis.close());
  const prefix = topicPrefix.replace(/\.$/, "");
  const store = new RedisStateStore(redis.client, { prefix, partitions });
  const sessions = new RedisSessionStore(redis.client, prefix);
  return { store, sessions, storeConnected: () => connected };
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Environment,
  openEnvironment,
  readEnvironment,
} from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { LmdbStateStore } from "@millrace/shared/adapters/lmdb/state-store";
import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import { connectRedis } from "@millrace/shared/adapters/redis/connect";
import { RedisSessionStore } from "@millrace/shared/adapters/redis/session-store";
import { RedisStateStore } from "@millrace/shared/adapters/redis/state-store";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { OperationalError } from "@millrace/shared/errors/operational";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { type Clock, systemClock } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { SessionStore } from "@millrace/shared/ports/session-store";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { Config } from "../config/settings.ts";
import type { Lifetime } from "./lifetime.ts";
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
}

/**
 * Opens the servers, or the folder, that the settings name.
 *
 * @param lifetime is told how all of it is ended, as far as it came
 * @throws OperationalError
 */
export async function openInstallation(
  config: Config,
  line: Line,
  lifetime: Lifetime,
  tracer?: Tracer,
): Promise<Installation> {
  const clock = systemClock;
  const { log, store, sessions, storeConnected } = await openPorts(config, clock, line, lifetime);
  const catalogue = new Catalogue(log.partitions, (flow, why) => {
    line("error", "a published flow cannot be compiled by this version", { flow, why });
  });
  const registry = new Registry(log, catalogue, clock);
  const events = new EventsWriter(log, clock, { tracer });
  lifetime.add("events", () => events.close());
  await lifetime.open(
    "registry",
    () => registry.start(),
    () => registry.stop(),
  );
  return { clock, log, store, sessions, catalogue, registry, events, storeConnected };
}

/**
 * Opens the log alone, for one who reads it: it has to be there, and stays as it is. A folder is read
 * beside the process that uses it.
 */
export async function openLog(config: Config, line: Line, lifetime: Lifetime): Promise<EventLog> {
  if (!config.logUrl.startsWith("file:")) return await openKafka(config, line, lifetime, true);
  const folder = config.logUrl.slice("file:".length);
  if (!existsSync(join(folder, "data.mdb"))) throw noFolder(folder);
  return (await openFolder(config, lifetime, readEnvironment)).log;
}

function noFolder(folder: string): OperationalError<"START-004"> {
  const cause = "there is no log in it";
  return new OperationalError("START-004", { folder, cause }, `${folder}: ${cause}`);
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
  lifetime: Lifetime,
): Promise<Ports> {
  const { logUrl, stateUrl } = config;
  if (logUrl.startsWith("file:")) {
    const { environment, log } = await openFolder(config, lifetime);
    if (stateUrl === logUrl) {
      const store = new LmdbStateStore(environment);
      lifetime.add("store", () => store.close());
      const sessions = new MemorySessionStore(clock);
      return { log, store, sessions, storeConnected: () => true };
    }
    return { log, ...(await openRedis(config, log.partitions, line, lifetime)) };
  }
  const log = await openKafka(config, line, lifetime, false);
  return { log, ...(await openRedis(config, log.partitions, line, lifetime)) };
}

async function openFolder(
  { logUrl, partitions }: Config,
  lifetime: Lifetime,
  openIt = openEnvironment,
): Promise<{ readonly environment: Environment; readonly log: EventLog }> {
  const environment = await lifetime.open(
    "folder",
    () => openIt(logUrl.slice("file:".length)),
    (environment) => environment.close(),
  );
  const log = await lifetime.open(
    "log",
    () => LmdbLog.open(environment, systemClock, partitions),
    (log) => log.close(),
  );
  return { environment, log };
}

async function openKafka(
  { logUrl, topicPrefix, partitions, allow }: Config,
  line: Line,
  lifetime: Lifetime,
  existing: boolean,
): Promise<EventLog> {
  const clock = systemClock;
  const open = { url: logUrl, prefix: topicPrefix, partitions, allow, existing, clock, line };
  return await lifetime.open(
    "log",
    () => KafkaLog.open(open),
    (log) => log.close(),
  );
}

async function openRedis(
  { stateUrl, topicPrefix, allow }: Config,
  partitions: number,
  line: Line,
  lifetime: Lifetime,
): Promise<Omit<Ports, "log">> {
  let connected = true;
  const hooks = {
    allow,
    onLost: (why: string) => {
      connected = false;
      line("warn", "the store cannot be reached; waiting for it", { why });
    },
    onBack: () => {
      connected = true;
      line("info", "the store is back");
    },
  };
  const redis = await lifetime.open(
    "store",
    () => connectRedis(stateUrl, hooks),
    (redis) => redis.close(),
  );
  const prefix = topicPrefix.replace(/\.$/, "");
  const store = new RedisStateStore(redis.client, { prefix, partitions });
  const sessions = new RedisSessionStore(redis.client, prefix);
  return { store, sessions, storeConnected: () => connected };
}

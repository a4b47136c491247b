import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Environment, openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
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
import type { SessionStore } from "@millrace/shared/ports/session-store";
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
  close(): Promise<void>;
}

/** Opens the servers, or the folder, that the settings name. @throws OperationalError */
export async function openInstallation(config: Config, line: Line): Promise<Installation> {
  const clock = systemClock;
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one();
  };
  try {
    const { log, store, sessions } = await openPorts(config, clock, line, closing);
    const catalogue = new Catalogue(log.partitions, (flow, why) => {
      line("error", "a published flow cannot be compiled by this version", { flow, why });
    });
    const registry = new Registry(log, catalogue, clock);
    const events = new EventsWriter(log, clock);
    closing.push(async () => events.close());
    await registry.start();
    closing.push(() => registry.stop());
    return { clock, log, store, sessions, catalogue, registry, events, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the log alone, for one who reads it: it has to be there, and stays as it is. */
export async function openLog(
  config: Config,
  line: Line,
): Promise<{ readonly log: EventLog; close(): Promise<void> }> {
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one();
  };
  try {
    if (!config.logUrl.startsWith("file:"))
      return { log: await openKafka(config, line, closing, true), close };
    const folder = config.logUrl.slice("file:".length);
    if (!existsSync(join(folder, "data.mdb"))) throw noFolder(folder);
    return { log: (await openFolder(config, closing)).log, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function noFolder(folder: string): OperationalError<"START-004"> {
  const cause = "there is no log in it";
  return new OperationalError("START-004", { folder, cause }, `${folder}: ${cause}`);
}

interface Ports {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly sessions: SessionStore;
}

async function openPorts(
  config: Config,
  clock: Clock,
  line: Line,
  closing: (() => Promise<void>)[],
): Promise<Ports> {
  const { logUrl, stateUrl } = config;
  if (logUrl.startsWith("file:")) {
    const { environment, log } = await openFolder(config, closing);
    if (stateUrl === logUrl) {
      const store = new LmdbStateStore(environment);
      closing.push(() => store.close());
      return { log, store, sessions: new MemorySessionStore(clock) };
    }
    return { log, ...(await openRedis(config, log.partitions, line, closing)) };
  }
  const log = await openKafka(config, line, closing, false);
  return { log, ...(await openRedis(config, log.partitions, line, closing)) };
}

async function openFolder(
  { logUrl, partitions }: Config,
  closing: (() => Promise<void>)[],
): Promise<{ readonly environment: Environment; readonly log: EventLog }> {
  const environment = await openEnvironment(logUrl.slice("file:".length));
  closing.push(() => environment.close());
  const log = await LmdbLog.open(environment, systemClock, partitions);
  closing.push(() => log.close());
  return { environment, log };
}

async function openKafka(
  { logUrl, topicPrefix, partitions, allow }: Config,
  line: Line,
  closing: (() => Promise<void>)[],
  existing: boolean,
): Promise<EventLog> {
  const log = await KafkaLog.open({
    url: logUrl,
    prefix: topicPrefix,
    partitions,
    allow,
    existing,
    clock: systemClock,
    line,
  });
  closing.push(() => log.close());
  return log;
}

async function openRedis(
  { stateUrl, topicPrefix, allow }: Config,
  partitions: number,
  line: Line,
  closing: (() => Promise<void>)[],
): Promise<Omit<Ports, "log">> {
  const redis = await connectRedis(stateUrl, {
    allow,
    onLost: (why) => line("warn", "the store cannot be reached; waiting for it", { why }),
    onBack: () => line("info", "the store is back"),
  });
  closing.push(() => redis.close());
  const prefix = topicPrefix.replace(/\.$/, "");
  const store = new RedisStateStore(redis.client, { prefix, partitions });
  return { store, sessions: new RedisSessionStore(redis.client, prefix) };
}

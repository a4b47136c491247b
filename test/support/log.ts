import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { systemClock } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { TestInstallation } from "./millrace.ts";

/** Works on the log of an installation, behind its back; an embedded one must not run meanwhile. */
export async function onLog<T>(
  installation: TestInstallation,
  work: (log: EventLog) => Promise<T>,
): Promise<T> {
  const { env, dataFolder } = installation;
  return await (dataFolder === undefined ? onKafka(env, work) : onFolder(dataFolder, work));
}

async function onKafka<T>(
  env: TestInstallation["env"],
  work: (log: EventLog) => Promise<T>,
): Promise<T> {
  const log = await KafkaLog.open({
    url: env["MILLRACE_LOG_URL"] ?? "",
    prefix: env["MILLRACE_TOPIC_PREFIX"] ?? "",
    partitions: undefined,
    allow: new Set(["single-broker"]),
    clock: systemClock,
    line: () => {},
  });
  return await work(log).finally(() => log.close());
}

async function onFolder<T>(folder: string, work: (log: EventLog) => Promise<T>): Promise<T> {
  const environment = await openEnvironment(folder);
  try {
    const log = await LmdbLog.open(environment, systemClock, undefined);
    return await work(log).finally(() => log.close());
  } finally {
    await environment.close();
  }
}

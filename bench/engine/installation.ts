import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { LmdbStateStore } from "@millrace/shared/adapters/lmdb/state-store";
import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { connectRedis } from "@millrace/shared/adapters/redis/connect";
import { RedisStateStore } from "@millrace/shared/adapters/redis/state-store";
import { systemClock } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { Place } from "../places.ts";

export interface Ports {
  readonly log: EventLog;
  readonly store: StateStore;
  close(): Promise<void>;
}

/** As many as an embedded installation has by default; the same for both, so that they compare. */
const PARTITIONS = 8;

export async function openPorts(place: Place): Promise<Ports> {
  if (place.log === "embedded") {
    const environment = await openEnvironment(place.folder);
    const log = await LmdbLog.open(environment, systemClock, PARTITIONS);
    const store = new LmdbStateStore(environment);
    return {
      log,
      store,
      async close() {
        await log.close();
        await environment.close();
      },
    };
  }
  const log = await KafkaLog.open({
    url: place.kafka,
    prefix: `${place.prefix}.`,
    partitions: PARTITIONS,
    allow: new Set(["single-broker"]),
    clock: systemClock,
    line: () => {},
  });
  const redis = await connectRedis(place.redis, {
    allow: new Set(),
    onLost: () => {},
    onBack: () => {},
  });
  const store = new RedisStateStore(redis.client, { prefix: place.prefix, partitions: PARTITIONS });
  return {
    log,
    store,
    async close() {
      await log.close();
      await redis.close();
    },
  };
}

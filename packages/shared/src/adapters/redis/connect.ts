import { Cluster, Redis } from "ioredis";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import { type ScriptedRedis, withScripts } from "./scripts.ts";

/** How a Redis is reached, and what is told when it is not. */
export interface RedisConnection {
  readonly client: ScriptedRedis;
  /** The address without its password. */
  readonly url: string;
  close(): Promise<void>;
}

export interface RedisConnectOptions {
  /** Told when the connection is lost, once until it is back. */
  readonly onLost: (why: string) => void;
  readonly onBack: () => void;
  /** Risks that the operator has accepted: `evicting-redis`. */
  readonly allow: ReadonlySet<string>;
}

const CONNECT_MS_MAX = 10_000;

/**
 * Connects to `redis://`, `rediss://`, `redis+cluster://` or `rediss+cluster://`.
 *
 * Commands wait for a server that is away instead of failing: the engine is at a standstill without its
 * store, and goes on where it was. The reply protocol is RESP2, which every Redis, Valkey and proxy has.
 *
 * @throws OperationalError STATE-003 when nobody answers, START-002 when the server may evict keys
 */
export async function connectRedis(
  url: string,
  options: RedisConnectOptions,
): Promise<RedisConnection> {
  const shown = url.replace(/\/\/[^@/]*@/, "//");
  const client = withScripts(clientOf(url));
  watch(client, options);
  try {
    await firstAnswer(client);
  } catch (error) {
    client.disconnect();
    const cause = messageOf(error);
    throw new OperationalError(
      "STATE-003",
      { url: shown, cause },
      `no answer from ${shown}: ${cause}; is it running, and is MILLRACE_STATE_URL right?`,
    );
  }
  await refuseEviction(client, options.allow).catch((error: unknown) => {
    client.disconnect();
    throw error;
  });
  return {
    client,
    url: shown,
    async close() {
      client.removeAllListeners("close");
      // Not `quit`, which waits for a server that may be gone: what was asked for by then was waited for.
      client.disconnect();
    },
  };
}

function clientOf(url: string): Redis | Cluster {
  const parsed = new URL(url.split(",")[0] as string);
  const common = {
    protocol: 2,
    maxRetriesPerRequest: null,
    ...(parsed.username !== "" && { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password !== "" && { password: decodeURIComponent(parsed.password) }),
    ...(parsed.protocol.startsWith("rediss") && { tls: {} }),
  } as const;
  const backOff = (attempt: number): number => Math.min(50 * attempt, 1_000);
  if (!parsed.protocol.includes("+cluster")) {
    return new Redis({
      ...common,
      retryStrategy: backOff,
      host: parsed.hostname,
      port: Number(parsed.port || 6379),
      db: Number(parsed.pathname.slice(1) || 0),
    });
  }
  const nodes = url
    .replace(/^[a-z+]+:\/\/([^@/]*@)?/, "")
    .split(",")
    .map((node) => new URL(`redis://${node}`))
    .map(({ hostname, port }) => ({ host: hostname, port: Number(port || 6379) }));
  return new Cluster(nodes, {
    redisOptions: common,
    // Never from a replica: it may lag behind what was committed.
    scaleReads: "master",
    clusterRetryStrategy: backOff,
    slotsRefreshTimeout: 5_000,
  });
}

function watch(client: Redis | Cluster, { onLost, onBack }: RedisConnectOptions): void {
  let lost = false;
  const lose = (error?: Error): void => {
    if (lost) return;
    lost = true;
    onLost(error === undefined ? "the connection was closed" : messageOf(error));
  };
  client.on("error", lose);
  client.on("close", () => lose());
  client.on("ready", () => {
    if (lost) onBack();
    lost = false;
  });
}

async function firstAnswer(client: Redis | Cluster): Promise<void> {
  let last: unknown;
  const remember = (error: unknown): void => {
    last = error;
  };
  client.on("error", remember);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(last ?? new Error("timed out")), CONNECT_MS_MAX);
  });
  try {
    await Promise.race([client.ping(), timeout]);
  } finally {
    clearTimeout(timer);
    client.off("error", remember);
  }
}

/** A server that evicts would drop an instance, and its next event would begin it anew. */
async function refuseEviction(client: Redis | Cluster, allow: ReadonlySet<string>): Promise<void> {
  const masters = client instanceof Cluster ? client.nodes("master") : [client];
  for (const master of masters) {
    const info = await master.info("memory");
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy === undefined || policy === "noeviction" || allow.has("evicting-redis")) continue;
    throw new OperationalError(
      "START-002",
      { risk: `maxmemory-policy is ${policy}`, allow: "evicting-redis" },
      `Redis may drop instances when its memory is full (maxmemory-policy ${policy}); set it to noeviction, or accept the loss with MILLRACE_ALLOW=evicting-redis`,
    );
  }
}

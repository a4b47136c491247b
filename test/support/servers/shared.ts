/**
 * The program that starts the servers that tests and people share, for scripts/lib/servers.mjs.
 *
 * Prints what it does, then one line of JSON: the addresses by the names that find.ts reads. Runs until
 * its standard input ends, then stops what it started.
 *
 *   --only-single   one Kafka and one Redis for a person: no cluster, nothing else is installed
 *   --data DIR      keeps their data there
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureAll } from "./ensure.ts";
import { sharedServers } from "./find.ts";
import { startKafka } from "./kafka.ts";
import { type RedisOptions, startRedis, startRedisCluster } from "./redis.ts";

interface Shared {
  readonly name: string;
  readonly url: string;
  stop(): Promise<void>;
}

const { values } = parseArgs({
  options: { "only-single": { type: "boolean" }, data: { type: "string" } },
});

async function startAll(): Promise<readonly Shared[]> {
  if (values["only-single"]) return Promise.all([startShared("kafka"), startShared("redis")]);
  await ensureAll();
  const kinds = ["kafka", "redis", "redisCluster"] as const;
  return Promise.all(kinds.map(async (kind) => given(kind) ?? startShared(kind)));
}

type Kind = keyof typeof sharedServers;

/** A server that the environment names is used as it is and never stopped. */
function given(kind: Kind): Shared | undefined {
  const name = sharedServers[kind];
  const url = process.env[name];
  return url ? { name, url, stop: async () => {} } : undefined;
}

const starters = {
  kafka: () => startKafka(inData("kafka")),
  redis: () => startRedis(redisOptions()),
  redisCluster: () => startRedisCluster(),
} as const satisfies Record<Kind, () => Promise<Omit<Shared, "name">>>;

async function startShared(kind: Kind): Promise<Shared> {
  const server = await starters[kind]();
  return { name: sharedServers[kind], url: server.url, stop: () => server.stop() };
}

function inData(name: string): { folder?: string } {
  return values.data === undefined ? {} : { folder: join(values.data, name) };
}

/** Whoever names a folder wants to find the data there again. */
function redisOptions(): RedisOptions {
  const keep = ["--appendonly", "yes"];
  return values.data === undefined ? {} : { ...inData("redis"), args: keep };
}

async function untilInputEnds(): Promise<void> {
  for await (const _ of process.stdin);
}

// Ctrl-C and the like are for who started us; our word is the end of the input.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

try {
  const servers = await startAll();
  console.log(JSON.stringify(Object.fromEntries(servers.map(({ name, url }) => [name, url]))));
  await untilInputEnds();
  await Promise.all(servers.map((server) => server.stop()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
process.exit();

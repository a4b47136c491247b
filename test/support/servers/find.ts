/**
 * The servers that tests share: those that `npm test` started, or those that the environment names.
 *
 * Others use them at the same time, so a test takes names of its own there (a topic prefix, a log id)
 * and neither flushes nor ends them; one that must starts its own by startKafka or startRedis.
 */
export const sharedServers = {
  kafka: "MILLRACE_TEST_KAFKA",
  redis: "MILLRACE_TEST_REDIS",
  redisCluster: "MILLRACE_TEST_REDIS_CLUSTER",
} as const;

/** @returns `kafka://host:port` */
export function kafkaForTests(): string {
  return addressIn(sharedServers.kafka, "kafka:");
}

/** @returns `redis://host:port` */
export function redisForTests(): string {
  return addressIn(sharedServers.redis, "redis:");
}

/** @returns `redis+cluster://host:port,host:port,…` of three masters */
export function redisClusterForTests(): string {
  return addressIn(sharedServers.redisCluster, "redis+cluster:");
}

function addressIn(name: string, protocol: string): string {
  const address = process.env[name];
  if (address?.startsWith(`${protocol}//`)) return address;
  const found = address ? `is ${address}` : "is not set";
  throw new Error(
    `${name} ${found}, but this test needs a real server there. ` +
      "Run it by `npm test -- FILE`, which starts one, " +
      `or set ${name}=${protocol}//host:port to use one of yours.`,
  );
}

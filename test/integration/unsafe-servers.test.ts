import { expect, test } from "vitest";
import { clusterInstallation } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { startRedis } from "../support/servers/redis.ts";
import { until } from "../support/until.ts";

/**
 * Servers that could lose what was acknowledged are refused, with the risk and the word that accepts it.
 *
 * Attacks: A2 of topics.ts.
 */

async function refusalOf(servers: { kafka: string; redis: string }, allow: string) {
  const flows = newDataFolder("flows");
  const millrace = clusterInstallation(flows, servers, { MILLRACE_ALLOW: allow }).launch();
  await until(() => millrace.exitCode !== undefined || millrace.http !== "", 40_000);
  return { code: millrace.exitCode, said: millrace.output };
}

test("fewer brokers than replicas need", async () => {
  const servers = { kafka: kafkaForTests(), redis: redisForTests() };
  const { code, said } = await refusalOf(servers, "unclean-election");
  expect(said).toMatch(/^millrace: START-002 .*MILLRACE_ALLOW=single-broker/m);
  expect(code).toBe(1);
});

test("a Redis that evicts", async () => {
  const redis = await startRedis({ args: ["--maxmemory-policy", "allkeys-lru"] });
  try {
    const servers = { kafka: kafkaForTests(), redis: redis.url };
    const { code, said } = await refusalOf(servers, "single-broker");
    expect(said).toMatch(/^millrace: START-002 .*allkeys-lru.*MILLRACE_ALLOW=evicting-redis/m);
    expect(code).toBe(1);
  } finally {
    await redis.stop();
  }
});

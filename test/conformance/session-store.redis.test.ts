import { connectRedis } from "@millrace/shared/adapters/redis/connect";
import { RedisSessionStore } from "@millrace/shared/adapters/redis/session-store";
import { redisClusterForTests, redisForTests } from "../support/servers/find.ts";
import { type SessionStoreUnderTest, sessionStoreSuite } from "./session-store.suite.ts";

async function startOn(url: string): Promise<SessionStoreUnderTest> {
  const options = { onLost: () => {}, onBack: () => {}, allow: new Set<string>() };
  const { client, close } = await connectRedis(url, options);
  const prefix = `t${process.pid}-${Date.now()}`;
  return { store: new RedisSessionStore(client, prefix), stop: close };
}

sessionStoreSuite("Redis", async () => startOn(redisForTests()));
sessionStoreSuite("Redis Cluster", async () => startOn(redisClusterForTests()));

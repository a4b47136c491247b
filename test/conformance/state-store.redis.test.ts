import { connectRedis } from "@millrace/shared/adapters/redis/connect";
import { RedisStateStore } from "@millrace/shared/adapters/redis/state-store";
import { redisClusterForTests, redisForTests } from "../support/servers/find.ts";
import { type StoreUnderTest, stateStoreSuite } from "./state-store.suite.ts";

const options = { onLost: () => {}, onBack: () => {}, allow: new Set<string>() };

async function startOn(url: string): Promise<StoreUnderTest> {
  const { client, close } = await connectRedis(url, options);
  const prefix = `t${process.pid}-${Date.now()}`;
  return {
    open: async () => new RedisStateStore(client, { prefix, partitions: 4 }),
    async wipe() {
      // The server is shared with other tests: only what is ours goes.
      const names = [
        ..."meta stamps instances steps due parked names rejections".split(" "),
        "rejections-by-time",
      ];
      for (let partition = 0; partition < 4; partition++) {
        await client.del(...names.map((name) => `${prefix}:{${partition}}:${name}`));
      }
    },
    stop: close,
  };
}

stateStoreSuite("Redis", async () => startOn(redisForTests()));
stateStoreSuite("Redis Cluster", async () => startOn(redisClusterForTests()));

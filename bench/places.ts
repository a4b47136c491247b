import { startKafka } from "../test/support/servers/kafka.ts";
import { startRedis } from "../test/support/servers/redis.ts";
import { newDataFolder } from "../test/support/servers/run-folder.ts";

/** Where a run keeps its log and state. */
export type Place =
  | { readonly log: "embedded"; readonly folder: string }
  | {
      readonly log: "kafka";
      readonly kafka: string;
      readonly redis: string;
      readonly prefix: string;
    };

export type LogKind = Place["log"];

interface Servers {
  readonly kafka: Awaited<ReturnType<typeof startKafka>>;
  readonly redis: Awaited<ReturnType<typeof startRedis>>;
}

/** Empty places, on servers that are started where a place needs them. */
export class Places {
  readonly logs: readonly LogKind[];
  readonly #servers: Servers | undefined;
  #made = 0;

  private constructor(logs: readonly LogKind[], servers: Servers | undefined) {
    this.logs = logs;
    this.#servers = servers;
  }

  /** @param names `kafka`, `embedded`, or both with a comma between them, which is the default */
  static async open(names = "kafka,embedded"): Promise<Places> {
    const logs = names.split(",") as LogKind[];
    if (!logs.includes("kafka")) return new Places(logs, undefined);
    return new Places(logs, { kafka: await startKafka(), redis: await startRedis() });
  }

  next(log: LogKind): Place {
    this.#made += 1;
    if (log === "embedded") return { log, folder: newDataFolder("bench") };
    if (this.#servers === undefined) throw new Error("no servers");
    const { kafka, redis } = this.#servers;
    return { log, kafka: kafka.url, redis: redis.url, prefix: `bench${this.#made}` };
  }

  async close(): Promise<void> {
    await Promise.all([this.#servers?.kafka.stop(), this.#servers?.redis.stop()]);
  }
}

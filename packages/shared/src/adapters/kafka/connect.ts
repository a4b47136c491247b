import { readFileSync } from "node:fs";
import type { Clock } from "../../ports/clock.ts";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import type { Sockets } from "./sockets.ts";

/** What the client has to say; most of it is of interest only while something is being looked for. */
export type KafkaLine = (level: "debug" | "warn", message: string, facts: object) => void;

/** Called with each line of kafkajs, before it is written: some of what it does, it only says there. */
export type LineWatcher = (message: string, facts: Readonly<Record<string, unknown>>) => void;

export interface KafkaAddress {
  readonly brokers: readonly string[];
  /** The address without its password. */
  readonly shown: string;
  readonly config: Pick<KafkaConfig, "ssl" | "sasl">;
}

/**
 * Reads `kafka://host:port,host:port` and
 * `kafkas://user:password@host:port?sasl=scram-sha-512&ca=FILE`.
 *
 * @throws OperationalError CONFIG-002
 */
export function readKafkaUrl(url: string): KafkaAddress {
  const parts = /^(kafkas?):\/\/(?:([^@/]*)@)?([^/?]+)\/?(?:\?(.*))?$/.exec(url);
  const shown = url.replace(/\/\/[^@/]*@/, "//");
  if (parts === null)
    throw wrong(shown, "kafka://host:port,host:port or kafkas://user:password@host:port");
  const [, protocol, login, hosts = "", query] = parts;
  const brokers = hosts.split(",").map((host) => (host.includes(":") ? host : `${host}:9092`));
  const options = new URLSearchParams(query);
  const secure = protocol === "kafkas";
  const ca = options.get("ca");
  return {
    brokers,
    shown,
    config: {
      ...(secure && { ssl: ca === null ? true : { ca: [readAuthority(ca, shown)] } }),
      ...(login !== undefined && { sasl: saslOf(login, options.get("sasl"), shown) }),
    },
  };
}

function readAuthority(file: string, shown: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw wrong(shown, `a readable file after ca= (${messageOf(error)})`);
  }
}

function saslOf(login: string, mechanism: string | null, shown: string): SASLOptions {
  const [username = "", password = ""] = login.split(":").map(decodeURIComponent);
  const name = mechanism ?? "plain";
  if (name !== "plain" && name !== "scram-sha-256" && name !== "scram-sha-512") {
    throw wrong(shown, "sasl=plain, sasl=scram-sha-256 or sasl=scram-sha-512");
  }
  return { mechanism: name, username, password };
}

function wrong(value: string, wanted: string): OperationalError<"CONFIG-002"> {
  return new OperationalError(
    "CONFIG-002",
    { name: "MILLRACE_LOG_URL", from: "its address", value, wanted },
    `MILLRACE_LOG_URL is ${value}; it is written ${wanted}`,
  );
}

/** How often a broker that cannot be reached is spoken of. */
const UNREACHABLE_MS = 30_000;

export function createKafka(
  address: KafkaAddress,
  clock: Clock,
  line: KafkaLine,
  watchers: ReadonlySet<LineWatcher>,
  sockets: Sockets,
): Kafka {
  let warnedAt = Number.NEGATIVE_INFINITY;
  const warn = (why: unknown): void => {
    if (clock.monotonicMs() - warnedAt < UNREACHABLE_MS) return;
    warnedAt = clock.monotonicMs();
    line("warn", "a broker of the log cannot be reached; trying again", { why });
  };
  // kafkajs warns on every start that its partitioner changed in 2.0; we pass partitions ourselves.
  process.env["KAFKAJS_NO_PARTITIONER_WARNING"] = "1";
  return new Kafka({
    clientId: "millrace",
    brokers: [...address.brokers],
    ...address.config,
    socketFactory: sockets.factory,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    logLevel: logLevel.INFO,
    logCreator:
      () =>
      ({ log }) => {
        const { message, timestamp: _at, logger: _name, ...facts } = log;
        for (const watch of watchers) watch(message, facts);
        if (message.startsWith("Connection error")) warn(`${facts["broker"]}: ${message}`);
        line("debug", `kafkajs: ${message}`, facts);
      },
  });
}

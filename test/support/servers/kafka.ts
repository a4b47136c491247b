import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inDocker, type Launch } from "./docker.ts";
import { dockerAnswers, ensure, present } from "./ensure.ts";
import { kafkaJars, kafkaVersion } from "./kafka-jars.ts";
import {
  type Broker,
  type Entrance,
  type KafkaSettings,
  propertiesText,
  settingsOf,
} from "./kafka-settings.ts";
import { answers, freePort } from "./ports.ts";
import { mustRun } from "./programs.ts";
import { newDataFolder } from "./run-folder.ts";
import { ServerProcess, withFreePorts } from "./server-process.ts";

export interface KafkaOptions {
  /** Where it keeps its data and its log; a folder that goes with the run, unless said. */
  readonly folder?: string;
  readonly settings?: KafkaSettings;
  /** 512 unless said. */
  readonly heapMb?: number;
  /** More listeners of the broker with this id. */
  readonly entrances?: (id: number) => Promise<readonly Entrance[]>;
  /** Called before the broker with this id starts. @returns how its commands are run there */
  readonly around?: (id: number, folder: string) => Promise<(launch: Launch) => Launch>;
}

export interface KafkaServer {
  /** `kafka://127.0.0.1:port` */
  readonly url: string;
  /** `127.0.0.1:port` */
  readonly bootstrap: string;
  readonly port: number;
  readonly pid: number;
  /** The broker's own log. */
  readonly logFile: string;
  /** Ends it in order; the data stays for `restart` until the run ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The same port and data; first stops it in order if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
}

export interface KafkaCluster {
  /** `kafka://127.0.0.1:port,127.0.0.1:port,…` */
  readonly url: string;
  readonly brokers: readonly KafkaServer[];
  stop(): Promise<void>;
}

/** Starts one broker that is its own controller, on ports of its own. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const [server] = await startBrokers(1, options);
  return server;
}

/** Starts brokers that are the controllers' quorum as well: three replicas, two of them in sync for a write. */
export async function startKafkaCluster(
  options: KafkaOptions & { readonly brokers?: number } = {},
): Promise<KafkaCluster> {
  const brokers = await startBrokers(options.brokers ?? 3, options);
  return {
    url: `kafka://${brokers.map(({ bootstrap }) => bootstrap).join(",")}`,
    brokers,
    async stop() {
      // In order, the last ones would wait seconds for a majority that is gone.
      await Promise.all(brokers.map((broker) => broker.kill()));
    },
  };
}

async function startBrokers(
  count: number,
  options: KafkaOptions,
): Promise<[KafkaServer, ...KafkaServer[]]> {
  const java = await javaWithKafka(options.heapMb ?? 512);
  return withFreePorts(async () => {
    const brokers = await planBrokers(count, options);
    const clusterId = randomBytes(16).toString("base64url");
    const start = (broker: Broker): Promise<KafkaServer> =>
      startBroker(broker, brokers, clusterId, options, java);
    const [first, ...others] = await allOrNone(brokers.map(start));
    if (first === undefined) throw new Error("a Kafka cluster has at least one broker");
    return [first, ...others];
  });
}

/** @returns all servers; when one does not start, the others are ended */
async function allOrNone(starts: readonly Promise<KafkaServer>[]): Promise<readonly KafkaServer[]> {
  const results = await Promise.allSettled(starts);
  const servers = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const failure = results.find((result) => result.status === "rejected");
  if (failure === undefined) return servers;
  await Promise.all(servers.map((server) => server.kill()));
  throw failure.reason;
}

async function planBrokers(count: number, options: KafkaOptions): Promise<readonly Broker[]> {
  const folder = options.folder ?? newDataFolder("kafka");
  const brokers: Broker[] = [];
  for (let id = 1; id <= count; id += 1) {
    brokers.push({
      id,
      port: await freePort(),
      controllerPort: await freePort(),
      folder: count === 1 ? folder : join(folder, String(id)),
      entrances: (await options.entrances?.(id)) ?? [],
    });
  }
  return brokers;
}

async function startBroker(
  broker: Broker,
  all: readonly Broker[],
  clusterId: string,
  options: KafkaOptions,
  java: JavaLaunch,
): Promise<KafkaServer> {
  const { id, folder, port } = broker;
  await mkdir(folder, { recursive: true });
  const around = (await options.around?.(id, folder)) ?? ((launch: Launch) => launch);
  const properties = join(folder, "server.properties");
  await writeFile(properties, propertiesText({ ...settingsOf(broker, all), ...options.settings }));
  const format = [
    "kafka.tools.StorageTool",
    "format",
    `--cluster-id=${clusterId}`,
    "-c",
    properties,
  ];
  if (!existsSync(join(folder, "data", "meta.properties")))
    await runLaunch(around(java(format, folder)));

  const logFile = join(folder, "broker.log");
  const server = new ServerProcess({
    name: `Kafka ${kafkaVersion}`,
    launch: around(java(["kafka.Kafka", properties], folder)),
    logFile,
    mark: properties,
    isReady: () => answersApiVersions(port),
  });
  await server.start();
  return serverOn(port, server, logFile);
}

async function runLaunch({ command: [program, ...args] }: Launch): Promise<void> {
  await mustRun(program, args);
}

function serverOn(port: number, server: ServerProcess, logFile: string): KafkaServer {
  return {
    url: `kafka://127.0.0.1:${port}`,
    bootstrap: `127.0.0.1:${port}`,
    port,
    logFile,
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    suspend: () => server.signal("SIGSTOP"),
    resume: () => server.signal("SIGCONT"),
  };
}

type JavaLaunch = (args: readonly string[], folder: string) => Launch;

async function javaWithKafka(heapMb: number): Promise<JavaLaunch> {
  const logger = "-Dorg.slf4j.simpleLogger";
  const logs = [
    `${logger}.defaultLogLevel=warn`,
    `${logger}.showDateTime=true`,
    `${logger}.dateTimeFormat=HH:mm:ss.SSS`,
  ];
  const jvm = [`-Xmx${heapMb}m`, ...logs];
  if (!(await present("java", "maven")) && (await dockerAnswers())) {
    const jars = "/opt/kafka/libs/*";
    return (args, folder) =>
      inDocker(`apache/kafka:${kafkaVersion}`, folder, "java", [...jvm, "-cp", jars, ...args]);
  }
  await ensure("java", "maven");
  const jars = join(await kafkaJars(), "*");
  return (args) => ({ command: ["java", ...jvm, "-cp", jars, ...args] });
}

const correlation = 7;
/**
 * ApiVersions, version 0, which every broker answers; a KRaft broker does so once it is registered and unfenced.
 * size int32, then: key int16, version int16, correlation int32, client id int16 (-1: none)
 */
const apiVersionsRequest = Buffer.from([
  0,
  0,
  0,
  10,
  0,
  18,
  0,
  0,
  0,
  0,
  0,
  correlation,
  0xff,
  0xff,
]);

function answersApiVersions(port: number): Promise<boolean> {
  return answers(
    port,
    apiVersionsRequest,
    (answer) => answer.length >= 8 && answer.readInt32BE(4) === correlation,
  );
}

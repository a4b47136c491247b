import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inDocker, type Launch } from "./docker.ts";
import { dockerAnswers, ensure, present } from "./ensure.ts";
import { answers, freePort } from "./ports.ts";
import { mustRun } from "./programs.ts";
import { newDataFolder } from "./run-folder.ts";
import { ServerProcess, withFreePorts } from "./server-process.ts";

export interface RedisOptions {
  /** More of redis-server's arguments; they win over ours, which write nothing to disk and evict nothing. */
  readonly args?: readonly string[];
  /** Where it works and writes; a folder that goes with the run, unless said. */
  readonly folder?: string;
}

export interface RedisServer {
  /** `redis://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where `SAVE` writes its dump.rdb, which the next start reads. */
  readonly folder: string;
  readonly logFile: string;
  /** Ends it in order; what it wrote to its folder stays for `restart` until the run ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The same port and folder; first stops it in order if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  /** Runs one command. @returns what redis-cli prints */
  cli(...command: readonly string[]): Promise<string>;
}

export interface RedisCluster {
  /** `redis+cluster://127.0.0.1:port,127.0.0.1:port,…` */
  readonly url: string;
  readonly masters: readonly RedisServer[];
  stop(): Promise<void>;
}

const image = "redis:7.2";

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const run = await redisRunner();
  const folder = options.folder ?? newDataFolder("redis");
  await mkdir(folder, { recursive: true });
  return withFreePorts(async () => {
    const port = await freePort();
    const logFile = join(folder, "redis.log");
    const server = new ServerProcess({
      name: "Redis",
      launch: run("redis-server", serverArgs(port, folder, options.args), folder),
      logFile,
      mark: `127.0.0.1:${port}`, // it writes its address over its command line
      isReady: () => answersPing(port),
    });
    await server.start();
    return serverOn(port, server, { folder, logFile, run });
  });
}

/** Starts masters without replicas that share all slots. */
export async function startRedisCluster(count = 3): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: count }, startNode));
  await shareSlots(nodes);
  const masters = nodes.map(({ server }) => server);
  await Promise.all(masters.map((master) => untilClusterOk(master, count)));
  return {
    url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    masters,
    async stop() {
      await Promise.all(masters.map((master) => master.stop()));
    },
  };
}

function serverArgs(port: number, folder: string, more: readonly string[] = []): string[] {
  const where = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const keep = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
  return [...where, ...keep, ...more];
}

interface ClusterNode {
  readonly server: RedisServer;
  readonly busPort: number;
}

/** How long a master may be silent before the others call it failed: short, because tests wait for it. */
const nodeTimeoutMs = 2000;

async function startNode(): Promise<ClusterNode> {
  const busPort = await freePort();
  const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(busPort)];
  const args = [...cluster, "--cluster-node-timeout", String(nodeTimeoutMs)];
  return { server: await startRedis({ args }), busPort };
}

const slotCount = 16_384;

/** What `redis-cli --cluster create` does, without its waits of a second each. */
async function shareSlots(nodes: readonly ClusterNode[]): Promise<void> {
  for (const [index, { server }] of nodes.entries()) {
    const first = Math.floor((index * slotCount) / nodes.length);
    const last = Math.floor(((index + 1) * slotCount) / nodes.length) - 1;
    await server.cli("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    await server.cli("CLUSTER", "ADDSLOTSRANGE", String(first), String(last));
    for (const other of nodes.slice(0, index)) await meet(server, other);
  }
}

async function meet(server: RedisServer, other: ClusterNode): Promise<void> {
  const { port } = other.server;
  await server.cli("CLUSTER", "MEET", "127.0.0.1", String(port), String(other.busPort));
}

const clusterWaitMsMax = 20_000;

async function untilClusterOk(master: RedisServer, count: number): Promise<void> {
  const deadlineMs = performance.now() + clusterWaitMsMax;
  for (;;) {
    const info = await master.cli("CLUSTER", "INFO");
    if (info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${count}`)) return;
    if (performance.now() > deadlineMs) throw new Error(`no Redis Cluster came about:\n${info}`);
    await sleep(50);
  }
}

interface Surroundings {
  readonly folder: string;
  readonly logFile: string;
  readonly run: RedisRunner;
}

function serverOn(port: number, server: ServerProcess, around: Surroundings): RedisServer {
  const { folder, logFile, run } = around;
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    logFile,
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    suspend: () => server.signal("SIGSTOP"),
    resume: () => server.signal("SIGCONT"),
    cli(...command) {
      const [program, ...args] = run(
        "redis-cli",
        ["-e", "-p", String(port), ...command],
        folder,
      ).command;
      return mustRun(program, args);
    },
  };
}

type RedisRunner = (program: string, args: readonly string[], folder: string) => Launch;

async function redisRunner(): Promise<RedisRunner> {
  if (!(await present("redis")) && (await dockerAnswers()))
    return (program, args, folder) => inDocker(image, folder, program, args);
  await ensure("redis");
  return (program, args) => ({ command: [program, ...args] });
}

function answersPing(port: number): Promise<boolean> {
  // While it loads its data it answers "-LOADING".
  return answers(port, Buffer.from("PING\r\n"), (answer) => answer.toString() === "+PONG\r\n");
}

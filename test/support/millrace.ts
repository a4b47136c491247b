import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Instance } from "@millrace/shared/contract/instance";
import type { HistoryPage } from "@millrace/gateway/api/operations";
import { beforeAll, onTestFinished } from "vitest";
import { newDataFolder } from "./servers/run-folder.ts";
import { until } from "./until.ts";

/**
 * Processes of the built product, as a user starts them. What a test starts is ended with it; what is
 * started for several tests, with this process at the latest.
 */
const bin = fileURLToPath(new URL("../../packages/cli/bin/millrace.mjs", import.meta.url));

interface MillraceOptions {
  readonly role?: "start" | "gateway" | "engine" | "dispatcher";
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs, and keeps `.millrace`. */
  readonly folder?: string;
  /** Started for several tests: whoever starts it ends it. */
  readonly shared?: boolean;
}

/** A line of a process's log. */
interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** What counts in `/readyz`, as far as tests look at it. */
interface Readiness {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly mqtt: Readonly<Record<string, number>>;
  readonly engine: { readonly rejected: number; readonly steps: number };
  readonly dispatcher: Readonly<Record<string, number>>;
}

export class MillraceProcess {
  readonly #child: ChildProcess;
  /** What it wrote to standard output and error. */
  output = "";
  mqtt = "";
  http = "";
  exitCode: number | null | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on("data", (chunk) => this.#read(String(chunk)));
    child.stderr?.on("data", (chunk) => {
      this.output += String(chunk);
    });
    child.on("exit", (code) => {
      this.exitCode = code;
    });
  }

  #read(text: string): void {
    this.output += text;
    const started = /^millrace (?:ready|started, but not ready:) (.*)$/m.exec(this.output)?.[1];
    this.mqtt = /mqtt=(\S+)/.exec(started ?? "")?.[1] ?? "";
    this.http = /http=(\S+)/.exec(started ?? "")?.[1] ?? "";
  }

  /** What it logged, but for the lines that a program writes for people. */
  get log(): readonly LogLine[] {
    const lines = this.output.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  readiness(): Promise<Readiness> {
    return this.get("/readyz");
  }

  /** It serves; perhaps its partitions are being claimed. */
  async started(waitMs = 40_000): Promise<void> {
    await until(() => {
      if (this.exitCode !== undefined) throw new Error(`it ended: ${this.output}`);
      return this.http !== "";
    }, waitMs).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output}`);
    });
  }

  async ready(): Promise<void> {
    await this.started();
    const isReady = async (): Promise<boolean> => {
      const answer = await fetch(`${this.http}/readyz`);
      return answer.ok;
    };
    await until(isReady);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL, and gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await until(() => this.exitCode !== undefined, 5_000);
  }

  /** SIGTERM, and gone. @returns its exit code */
  async stop(): Promise<number | null> {
    if (this.exitCode === undefined) this.#child.kill("SIGTERM");
    await until(() => this.exitCode !== undefined, 30_000);
    return this.exitCode ?? null;
  }

  /** What it answers, whatever the status. */
  async text(path: string): Promise<string> {
    return await fetch(`${this.http}${path}`).then(
      (response) => response.text(),
      (error: unknown) => String(error),
    );
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.http}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** @returns undefined for an instance that is not there (yet) */
  async instance(flow: string, key: string): Promise<Instance | undefined> {
    const response = await fetch(`${this.http}/v1/instances/${flow}/${encodeURIComponent(key)}`);
    return response.ok ? ((await response.json()) as Instance) : undefined;
  }

  history(flow: string, key: string): Promise<HistoryPage> {
    return this.get(`/v1/instances/${flow}/${encodeURIComponent(key)}/history?limit=100`);
  }
}

/** Starts one, on any free ports, and waits until it is ready. */
async function startMillrace(options: MillraceOptions = {}): Promise<MillraceProcess> {
  const started = launchMillrace(options);
  await started.ready();
  return started;
}

/** Starts one without waiting. */
function launchMillrace({
  role = "start",
  args = [],
  env = {},
  folder = newDataFolder("process"),
  shared = false,
}: MillraceOptions = {}): MillraceProcess {
  const ports = [
    "--http-port",
    "0",
    ...(role === "start" || role === "gateway" ? ["--mqtt-port", "0"] : []),
  ];
  const child = spawn(process.execPath, [bin, role, ...ports, ...args], {
    cwd: folder,
    env: { ...cleanEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = (): void => void child.kill("SIGKILL");
  if (shared) process.once("exit", kill);
  else onTestFinished(kill);
  return new MillraceProcess(child);
}

/** One process for all tests of a suite. @returns it, once the suite has begun */
export function sharedProcess(open: () => TestInstallation): () => MillraceProcess {
  let started: MillraceProcess;
  beforeAll(async () => {
    started = await open().start({ shared: true });
    return async () => {
      await started.stop();
    };
  });
  return () => started;
}

/** Runs one command to its end. */
export async function runMillrace(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; folder?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.folder ?? newDataFolder("command"),
    env: { ...cleanEnv(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

/** Runs one command until the test is over. @returns the lines that it has written so far */
export function followMillrace(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): () => readonly string[] {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: newDataFolder("command"),
    env: { ...cleanEnv(), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  return () => stdout.split("\n").slice(0, -1);
}

/** This process's environment without settings of Millrace. */
function cleanEnv(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_"));
  return Object.fromEntries(entries);
}

/** An installation that several starts share: a folder, or names of its own on shared servers. */
export interface TestInstallation {
  readonly name: string;
  start(options?: StartOptions): Promise<MillraceProcess>;
  launch(options?: StartOptions): MillraceProcess;
  readonly env: Readonly<Record<string, string>>;
  /** Where an embedded one keeps its data. */
  readonly dataFolder?: string;
}

type StartOptions = Pick<MillraceOptions, "role" | "args" | "shared">;

let made = 0;

/** One process on a folder of its own. */
export function embeddedInstallation(
  flows: string,
  more: Readonly<Record<string, string>> = {},
): TestInstallation {
  return installation("embedded", { MILLRACE_FLOWS: flows, ...more }, newDataFolder("embedded"));
}

interface TestServers {
  readonly kafka: string;
  readonly redis: string;
  /** Of `kafka`: fewer than three are a risk that has to be allowed. */
  readonly brokers?: number;
  readonly partitions?: number;
}

/** On a Kafka and a Redis, with topics and keys of its own. */
export function clusterInstallation(
  flows: string,
  { kafka, redis, brokers = 1, partitions = 8 }: TestServers,
  more: Readonly<Record<string, string>> = {},
): TestInstallation {
  made += 1;
  return installation("Kafka and Redis", {
    MILLRACE_FLOWS: flows,
    MILLRACE_LOG_URL: kafka,
    MILLRACE_STATE_URL: redis,
    ...(brokers < 3 && { MILLRACE_ALLOW: "single-broker" }),
    MILLRACE_TOPIC_PREFIX: `e2e-${process.pid}-${Date.now()}-${made}.`,
    MILLRACE_PARTITIONS: String(partitions),
    ...more,
  });
}

function installation(
  name: string,
  env: Readonly<Record<string, string>>,
  folder?: string,
): TestInstallation {
  const common = { env, ...(folder !== undefined && { folder }) };
  return {
    name,
    env,
    ...(folder !== undefined && { dataFolder: join(folder, ".millrace") }),
    start: (options = {}) => startMillrace({ ...common, ...options }),
    launch: (options = {}) => launchMillrace({ ...common, ...options }),
  };
}

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { isOnPath, lastLines, runProgram } from "./programs.ts";

/** A program that tests run, and what brings it. */
interface Tool {
  readonly name: string;
  readonly debian: string;
  readonly brew: string;
  /** Answers whether it can be used as it is. */
  readonly works: () => Promise<boolean>;
}

const tools = {
  redis: {
    name: "redis-server",
    debian: "redis-server",
    brew: "redis",
    works: () => onPath("redis-server", "redis-cli"),
  },
  java: {
    name: "java",
    debian: "default-jre-headless",
    brew: "openjdk",
    works: () => succeeds("java", "-version"), // macOS has a java on its PATH that is none
  },
  maven: { name: "mvn", debian: "maven", brew: "maven", works: () => onPath("mvn") },
  mosquitto: {
    name: "mosquitto_pub and mosquitto_sub",
    debian: "mosquitto-clients",
    brew: "mosquitto",
    works: () => onPath("mosquitto_pub", "mosquitto_sub"),
  },
  python: {
    name: "python3 with venv",
    debian: "python3-venv",
    brew: "python",
    works: () => succeeds("python3", "-c", "import venv, ensurepip"), // Debian ships python3 without
  },
  zsh: { name: "zsh", debian: "zsh", brew: "zsh", works: () => onPath("zsh") },
  fish: { name: "fish", debian: "fish", brew: "fish", works: () => onPath("fish") },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/**
 * Makes sure that programs are there: installs what is missing where this is root on Debian, and says
 * so; elsewhere fails with the command that installs it.
 */
export async function ensure(...names: readonly ToolName[]): Promise<void> {
  const missing = await missingOf(names);
  if (missing.length === 0) return;
  if (!isRootOnDebian()) throw new Error(`${list(missing)} missing. ${remedyFor(missing)}`);
  await installFromDebian(missing);
  const still = await missingOf(names);
  if (still.length === 0) return;
  throw new Error(`${list(still)} still missing after the installation. ${remedyFor(still)}`);
}

/** @returns whether all of them can be used as they are */
export async function present(...names: readonly ToolName[]): Promise<boolean> {
  return (await missingOf(names)).length === 0;
}

let daemon: Promise<boolean> | undefined;

/** Asks the daemon: a client without one is common, and of no use. */
export function dockerAnswers(): Promise<boolean> {
  daemon ??= runProgram("docker", ["info", "--format", "{{.ServerVersion}}"]).then(
    ({ code, output }) => code === 0 && /^\d/.test(output),
  );
  return daemon;
}

async function missingOf(names: readonly ToolName[]): Promise<readonly Tool[]> {
  const wanted = names.map((name): Tool => tools[name]);
  const works = await Promise.all(wanted.map((tool) => tool.works()));
  return wanted.filter((_, index) => !works[index]);
}

async function onPath(...programs: readonly string[]): Promise<boolean> {
  return programs.every(isOnPath);
}

async function succeeds(command: string, ...args: readonly string[]): Promise<boolean> {
  return (await runProgram(command, args)).code === 0;
}

function isRootOnDebian(): boolean {
  return process.getuid?.() === 0 && existsSync("/etc/debian_version") && isOnPath("apt-get");
}

function list(missing: readonly Tool[]): string {
  return `${missing.map(({ name }) => name).join(", ")} ${missing.length > 1 ? "are" : "is"}`;
}

function remedyFor(missing: readonly Tool[]): string {
  if (process.platform === "darwin")
    return `Install with: brew install ${missing.map(({ brew }) => brew).join(" ")}`;
  const packages = missing.map(({ debian }) => debian).join(" ");
  return (
    `Install with: sudo apt-get install ${packages}\n` +
    "(names are Debian's and Ubuntu's; other systems have the same under similar names)"
  );
}

async function installFromDebian(missing: readonly Tool[]): Promise<void> {
  const packages = missing.map(({ debian }) => debian);
  console.log(`apt-get install ${packages.join(" ")}: the tests need them`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // An old list is no reason to stop: what it names may still be there.
  const update = await runProgram("apt-get", ["update"], env);
  await withoutServices(async () => {
    const args = ["install", "--yes", "--no-install-recommends", ...packages];
    const { code, output } = await runProgram("apt-get", args, env);
    if (code === 0) return;
    const updated = update.code === 0 ? "" : `${lastLines(update.output)}\n`;
    throw new Error(
      `apt-get could not install ${packages.join(" ")}:\n${updated}${lastLines(output)}`,
    );
  });
}

const servicePolicy = "/usr/sbin/policy-rc.d";

/**
 * Keeps Debian from starting what it installs: redis-server would come up as a service on the usual
 * port, and the tests start their own on free ports. 101 is Debian's word for "not allowed".
 */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  if (existsSync(servicePolicy)) return install(); // somebody else's rule, as in most containers
  await writeFile(servicePolicy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await install();
  } finally {
    await rm(servicePolicy, { force: true });
  }
}

/** Every program that `npm test` runs, asked for in one go so that one installation is enough. */
export async function ensureAll(): Promise<void> {
  await ensure("mosquitto", "python", ...(await serverTools()));
}

async function serverTools(): Promise<readonly ToolName[]> {
  const own: readonly ToolName[] = ["redis", "java", "maven"];
  if (await present(...own)) return [];
  return (await dockerAnswers()) ? [] : own;
}

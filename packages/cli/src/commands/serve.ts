import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { DEFAULT_URL } from "../client/client.ts";
import type { Installation } from "../compose/installation.ts";
import type { Role, Running } from "../compose/run.ts";
import { loadConfig } from "../config/load.ts";
import { type SettingName, settings } from "../config/settings.ts";

/**
 * After this and its `stopDelay`, a process that does not manage to stop in good order is ended as it is.
 * Where a broker was killed just before, its partitions have another leader after its session of 9 s, and
 * appends wait so long.
 */
export const STOP_MS_MAX = 20_000;

/** The fleet is given less: the server has its own work to end. */
const FLEET_STOP_MS_MAX = 2_000;

export interface SettingFlags extends Partial<Record<SettingName, string>> {
  readonly config: string;
}

interface ServeFlags extends SettingFlags {
  readonly fleet?: boolean;
}

/** `start`, `gateway`, `engine` and `dispatcher`: the processes that serve. */
export function serveCommands(): Command[] {
  const start = serve("start", "run everything in one process", [
    "gateway",
    "engine",
    "dispatcher",
  ]);
  start.option("--fleet", "simulate a few devices, so that something happens");
  start.option("--no-fleet", "do not simulate devices");
  return [
    start,
    serve("gateway", "take MQTT in, serve the HTTP API", ["gateway"]),
    serve("engine", "run state machines", ["engine"]),
    serve("dispatcher", "carry effects out", ["dispatcher"]),
  ];
}

function serve(name: string, description: string, roles: readonly Role[]): Command {
  const command = withSettings(new Command(name).description(description));
  return command.action((flags: ServeFlags) => serveUntilStopped(name, roles, flags));
}

/** Gives a command the flags of all settings. */
export function withSettings(command: Command): Command {
  for (const [setting, { flag, description: what, env }] of Object.entries(settings)) {
    const option = new Option(flag, `${what} [${env}]`);
    if (option.attributeName() !== setting) throw new Error(`flag ${flag} is not ${setting}`);
    command.addOption(option);
  }
  return command.option("--config <file>", "settings file", "millrace.yaml");
}

async function serveUntilStopped(
  name: string,
  roles: readonly Role[],
  { config: file, fleet, ...flags }: ServeFlags,
): Promise<void> {
  const role = roles.length === 1 ? name : undefined;
  const config = loadConfig({ flags, env: process.env, file, role });
  // The clients of Kafka, Redis and lmdb are loaded by those who serve: other commands answer at once.
  const [{ createLogger }, { run }, { startWatchdog }, { InHand }] = await Promise.all([
    import("../compose/logger.ts"),
    import("../compose/run.ts"),
    import("../watchdog/watchdog.ts"),
    import("@millrace/engine/runtime/in-hand"),
  ]);
  const line = createLogger(config.logLevel, name);
  const stopped = stopSignal();
  const inHand = new InHand();
  startWatchdog(config, name, inHand, line);
  const running = await run(config, roles, line, inHand);
  const mqtt =
    running.mqttPort === undefined ? undefined : `mqtt://${config.host}:${running.mqttPort}`;
  const http = `http://${config.host}:${running.httpPort}`;
  const addresses = [mqtt === undefined ? undefined : `mqtt=${mqtt}`, `http=${http}`];
  const state = running.reasons.length === 0 ? "ready" : "started, but not ready:";
  const parts = [state, ...addresses.filter((one) => one !== undefined), ...running.reasons];
  process.stdout.write(`millrace ${parts.join(" ")}\n`);
  if (name === "start" && mqtt !== undefined) process.stdout.write(whatNext(mqtt, http, running));
  const devices = fleet === true && mqtt !== undefined ? startFleet(mqtt, config.token) : undefined;
  const signal = await stopped;
  line("info", "stopping", { signal });
  const stopMsMax = config.stopDelay + STOP_MS_MAX;
  setTimeout(() => {
    const what = running.stopping() ?? "fleet";
    line("error", "stopping takes too long, and is given up", { what, ms: stopMsMax });
    process.exit(1);
  }, stopMsMax).unref();
  await stopFleet(devices);
  await running.stop();
  // All is done. What clients of servers that are away still have open would keep the process for a while.
  line("debug", "stopped", { open: process.getActiveResourcesInfo() });
  process.exit(0);
}

/** Resolves with the first signal; a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(1));
      });
    }
  });
}

/** Commands to copy: each does something on this process, and needs nothing that is not installed. */
function whatNext(mqtt: string, http: string, { installation }: Running): string {
  const tryOut = tryOutOf(installation);
  const url = http === DEFAULT_URL ? "" : `MILLRACE_URL=${http} `;
  const lines = [
    "",
    "  what to try next, in another terminal:",
    `    ${url}npx millrace instance list`,
    ...(tryOut === undefined ? [] : linesOf(tryOut, url, mqtt)),
    `    curl ${http}/v1/instances`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/** A publish that a flow is likely to answer, and where to see what came of it. */
interface TryOut {
  readonly flow: string;
  readonly topic: string;
  readonly payload: string;
}

/** From an input whose schema has an example, or that takes anything. */
function tryOutOf({ catalogue }: Installation): TryOut | undefined {
  const current = catalogue
    .entries()
    .filter(({ flow, retired }) => !retired && flow.roles === undefined);
  const inputs = current.flatMap(({ flow }) =>
    Object.values(flow.file.inputs ?? {}).map((input) => ({ flow: flow.name, ...input })),
  );
  const found =
    inputs.find((input) => NAMED.test(input.topic) && exampleIn(input.schema) !== undefined) ??
    inputs.find((input) => NAMED.test(input.topic) && input.schema === undefined);
  if (found === undefined) return undefined;
  const payload = JSON.stringify(exampleIn(found.schema) ?? {});
  return { flow: found.flow, topic: found.topic.replaceAll(/[+#]/g, "demo"), payload };
}

/** A topic filter with a level that is left open: mostly the name of the thing. */
const NAMED = /[+#]/;

function exampleIn(schema: unknown): unknown {
  const { examples } = (schema ?? {}) as { examples?: unknown };
  return Array.isArray(examples) ? examples[0] : undefined;
}

function linesOf({ flow, topic, payload }: TryOut, url: string, mqtt: string): string[] {
  const { hostname, port } = new URL(mqtt);
  const where = port === "1883" ? `-h ${hostname}` : `-h ${hostname} -p ${port}`;
  return [
    `    npx mqtt pub ${where} -q 1 -t ${topic} -m '${payload}'`,
    `    ${url}npx millrace instance history ${flow} demo`,
  ];
}

/** Devices in a process of their own: they are clients, not a part of the server. */
function startFleet(mqtt: string, token: string | undefined): ChildProcess {
  const bin = fileURLToPath(new URL("../../bin/millrace.mjs", import.meta.url));
  return spawn(process.execPath, [bin, "fleet", "--mqtt", mqtt], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...(token !== undefined && { MILLRACE_TOKEN: token }) },
  });
}

/** Devices say goodbye to a server that still listens. */
async function stopFleet(devices: ChildProcess | undefined): Promise<void> {
  if (devices === undefined || devices.exitCode !== null || devices.signalCode !== null) return;
  const gone = new Promise((resolve) => devices.once("exit", resolve));
  devices.kill("SIGTERM");
  await Promise.race([gone, sleep(FLEET_STOP_MS_MAX, undefined, { ref: false })]);
}

import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import type { Flow } from "@millrace/shared/flow/flow";
import { DEFAULT_URL } from "../client/client.ts";
import type { Role, Running } from "../compose/run.ts";
import { loadConfig } from "../config/load.ts";
import { type SettingName, settings } from "../config/settings.ts";

/** After this, a process that does not manage to stop in good order is ended as it is. */
const STOP_MS_MAX = 8_000;

interface ServeFlags extends Partial<Record<SettingName, string>> {
  readonly config: string;
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
  const command = new Command(name).description(description);
  for (const [setting, { flag, description: what, env }] of Object.entries(settings)) {
    const option = new Option(flag, `${what} [${env}]`);
    if (option.attributeName() !== setting) throw new Error(`flag ${flag} is not ${setting}`);
    command.addOption(option);
  }
  command.option("--config <file>", "settings file", "millrace.yaml");
  return command.action((flags: ServeFlags) => serveUntilStopped(name, roles, flags));
}

async function serveUntilStopped(
  name: string,
  roles: readonly Role[],
  { config: file, fleet, ...flags }: ServeFlags,
): Promise<void> {
  const config = loadConfig({ flags, env: process.env, file });
  // The clients of Kafka, Redis and lmdb are loaded by those who serve: other commands answer at once.
  const [{ createLogger }, { run }] = await Promise.all([
    import("../compose/logger.ts"),
    import("../compose/run.ts"),
  ]);
  const line = createLogger(config.logLevel, name);
  const stopped = stopSignal();
  const running = await run(config, roles, line);
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
  setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
  devices?.kill("SIGTERM");
  await running.stop();
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
  const [entry] = installation.catalogue.entries().filter(({ retired }) => !retired);
  const { hostname, port } = new URL(mqtt);
  const url = http === DEFAULT_URL ? "" : `MILLRACE_URL=${http} `;
  const lines = [
    "",
    "  what to try next, in another terminal:",
    `    ${url}npx millrace instance list`,
    ...(entry === undefined ? [] : exampleOf(entry.flow, url, hostname, port)),
    `    curl ${http}/v1/instances`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function exampleOf({ name, file }: Flow, url: string, host: string, port: string): string[] {
  const [input] = Object.values(file.inputs ?? {});
  const topic = input?.topic.replaceAll(/[+#]/g, "demo");
  const example = JSON.stringify(firstExample(input?.schema) ?? {});
  const where = port === "1883" ? `-h ${host}` : `-h ${host} -p ${port}`;
  return [
    ...(topic === undefined ? [] : [`    npx mqtt pub ${where} -q 1 -t ${topic} -m '${example}'`]),
    `    ${url}npx millrace instance history ${name} demo`,
  ];
}

function firstExample(schema: unknown): unknown {
  const { examples } = (schema ?? {}) as { examples?: unknown };
  return Array.isArray(examples) ? examples[0] : undefined;
}

/** Devices in a process of their own: they are clients, not a part of the server. */
function startFleet(mqtt: string, token: string | undefined): ChildProcess {
  const bin = fileURLToPath(new URL("../../bin/millrace.mjs", import.meta.url));
  return spawn(process.execPath, [bin, "fleet", "--mqtt", mqtt], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...(token !== undefined && { MILLRACE_TOKEN: token }) },
  });
}

import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { Engine } from "@millrace/engine/runtime/engine";
import type { InHand } from "@millrace/engine/runtime/in-hand";
import type { Health } from "@millrace/gateway/api/operations";
import { startApi } from "@millrace/gateway/api/server";
import { Gateway, gatewayName } from "@millrace/gateway/main/gateway";
import { SecretFolder } from "@millrace/shared/adapters/files/secrets";
import { UndiciClient } from "@millrace/shared/adapters/http/client";
import { GatewayDirectory } from "@millrace/shared/peer/directory";
import { allowAll } from "@millrace/shared/policy/authorize";
import { messageOf } from "@millrace/shared/errors/operational";
import { traceFacts, type Traceparent } from "@millrace/shared/contract/trace";
import type { Tracer } from "@millrace/shared/ports/tracer";
import { sleep, systemClock } from "@millrace/shared/ports/clock";
import { takeHungOn } from "../watchdog/take-hung-on.ts";
import type { Config } from "../config/settings.ts";
import { FlowFolder } from "./flow-folder.ts";
import { startHealthServer } from "./health-server.ts";
import { type Installation, openInstallation } from "./installation.ts";
import { Lifetime } from "./lifetime.ts";
import type { Line } from "./logger.ts";
import { ProcessMetrics } from "./metrics.ts";
import { openTelemetry } from "./telemetry.ts";
import { healthOf, operationsOf, type Roles } from "./operations.ts";

export type Role = "gateway" | "engine" | "dispatcher";

/** A process at work. */
export interface Running {
  readonly installation: Installation;
  readonly roles: Roles;
  readonly mqttPort: number | undefined;
  readonly httpPort: number;
  /** Why it is not ready yet; empty where it is. */
  readonly reasons: readonly string[];
  /**
   * Is not ready any more, and after `stopDelay` takes no more, finishes what is under way, and lets go
   * of everything.
   */
  stop(): Promise<void>;
  /** What is being let go of just now. */
  stopping(): string | undefined;
}

interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

/** How long clients are waited for when a gateway stops. */
const DRAIN_MS = 2_000;

/**
 * Starts the roles of one process, in the order in which they need each other. This is the only place
 * where gateway and engine meet.
 *
 * @param inHand where the engine says what it has in hand
 * @throws OperationalError
 */
export async function run(
  config: Config,
  roles: readonly Role[],
  line: Line,
  inHand: InHand,
): Promise<Running> {
  const lifetime = new Lifetime(line);
  const running: Roles = {};
  const stop = async (): Promise<void> => {
    running.draining = true;
    await sleep(systemClock, config.stopDelay);
    await lifetime.end();
  };
  const stopping = (): string | undefined => lifetime.ending;
  try {
    const telemetry = await openTelemetry(config, roles, line);
    lifetime.add("telemetry", () => telemetry.stop());
    const { tracer, process } = telemetry;
    const installation = await openInstallation(config, line, lifetime, tracer);
    const parts = { config, installation, tracer, line, lifetime };
    await publishFlows(config, installation, line, lifetime);
    const directory = await startDirectory(config, installation, roles, line, lifetime);
    // It ends after the roles: whoever asks meanwhile hears that they are being stopped.
    let http: HttpServer | undefined = undefined;
    lifetime.add("http", () => http?.close());
    if (roles.includes("engine")) running.engine = await startEngine(parts, inHand);
    if (roles.includes("dispatcher"))
      running.dispatcher = await startDispatcher(parts, directory.gateways);
    if (roles.includes("gateway")) running.gateway = await startGateway(parts, directory);
    const metrics = new ProcessMetrics(installation, directory.gateways, running, process);
    telemetry.startMetrics(metrics);
    http = await startHttp(parts, running, metrics);
    const reasons = await untilReady(installation, running);
    const partitions = running.engine?.partitions().length;
    if (partitions !== undefined && reasons.length === 0)
      line("info", "partitions claimed", { partitions });
    line("warn", "no policies yet: every client and every effect is allowed");
    const mqttPort = running.gateway?.mqttPort;
    return { installation, roles: running, mqttPort, httpPort: http.port, reasons, stop, stopping };
  } catch (error) {
    await lifetime.end();
    throw error;
  }
}

/** What every role of a process is started with. */
interface Parts {
  readonly config: Config;
  readonly installation: Installation;
  readonly tracer: Tracer | undefined;
  readonly line: Line;
  readonly lifetime: Lifetime;
}

/** How long a start waits for its partitions; it serves all the same when they take longer. */
const READY_MS_MAX = 15_000;
const READY_LOOK_MS = 20;

/**
 * Ready means that a publish is answered by a flow, not only that a port is open.
 *
 * @returns why it is not ready after a while; empty where it is
 */
async function untilReady(installation: Installation, roles: Roles): Promise<readonly string[]> {
  const { clock } = installation;
  const end = clock.monotonicMs() + READY_MS_MAX;
  for (;;) {
    const { ready, reasons } = healthOf(installation, roles);
    if (ready || clock.monotonicMs() >= end) return reasons;
    await sleep(clock, READY_LOOK_MS);
  }
}

async function publishFlows(
  { flows: folder }: Config,
  { registry, catalogue }: Installation,
  line: Line,
  lifetime: Lifetime,
): Promise<void> {
  if (folder === undefined) return;
  const flows = new FlowFolder({ folder, registry, catalogue, line });
  await lifetime.open(
    "flows",
    () => flows.start(),
    () => flows.stop(),
  );
}

/** The gateways there are, and the name of the one in this process. */
interface Directory {
  readonly gateways: GatewayDirectory;
  readonly self: string;
}

async function startDirectory(
  { token }: Config,
  { sessions, clock }: Installation,
  roles: readonly Role[],
  line: Line,
  lifetime: Lifetime,
): Promise<Directory> {
  const self = gatewayName(clock);
  const gateways = new GatewayDirectory({
    sessions,
    clock,
    token,
    ...(roles.includes("gateway") && { self }),
    onTrouble: (error) => line("warn", "gateways cannot be listed", { why: messageOf(error) }),
  });
  await lifetime.open(
    "directory of gateways",
    () => gateways.start(),
    () => gateways.stop(),
  );
  return { gateways, self };
}

async function startEngine(
  { config, installation, tracer, line, lifetime }: Parts,
  inHand: InHand,
): Promise<Engine> {
  const { logUrl, retention: retentionMs, journalBytesMax, lagMax: lagMsMax } = config;
  const { log, store, clock, catalogue, events, registry } = installation;
  const engine = new Engine({
    log,
    store,
    clock,
    catalogue,
    events,
    tracer,
    authorize: allowAll,
    options: { retentionMs, journalBytesMax, lagMsMax },
    onLine: line,
    inHand,
    hungOn: logUrl.startsWith("file:") ? takeHungOn(logUrl.slice("file:".length)) : undefined,
    registryRead: () => registry.read(),
  });
  await lifetime.open(
    "engine",
    () => engine.start(),
    () => engine.stop(),
  );
  return engine;
}

async function startDispatcher(
  { config, installation, tracer, line, lifetime }: Parts,
  gateways: GatewayDirectory,
): Promise<Dispatcher> {
  const { callHosts, secrets: folder, lagMax: lagMsMax } = config;
  const { log, store, clock, events } = installation;
  const hosts = new CallHosts(callHosts);
  const http = new UndiciClient({ allows: hosts.allowsAddress });
  lifetime.add("http client", () => http.close());
  const secrets = folder === undefined ? undefined : new SecretFolder(folder);
  const dispatcher = new Dispatcher({
    log,
    store,
    clock,
    events,
    tracer,
    gateways,
    calls: { http, hosts, secrets },
    options: { lagMsMax },
    onLine: line,
  });
  await lifetime.open(
    "dispatcher",
    () => dispatcher.start(),
    () => dispatcher.stop(),
  );
  return dispatcher;
}

async function startGateway(
  { config, installation, tracer, line, lifetime }: Parts,
  { gateways: directory, self }: Directory,
): Promise<Gateway> {
  const { log, sessions, catalogue, events, clock } = installation;
  const { host, mqttPort, peerUrl, token, keepUnmatched } = config;
  const peerPort = peerUrl === undefined ? 0 : Number(peerUrl.split(":").at(-1));
  const gateway = await Gateway.start({
    log,
    sessions,
    catalogue,
    events,
    directory,
    clock,
    tracer,
    settings: {
      name: self,
      host,
      mqttPort,
      peer: { host, port: peerPort },
      peerUrl,
      token,
      keepUnmatched,
    },
    onLine: line,
  });
  lifetime.add("gateway", () => gateway.stop(DRAIN_MS));
  return gateway;
}

/** Gateways serve the API; other roles serve health alone. */
function startHttp(
  { config, installation, tracer, line }: Parts,
  roles: Roles,
  metrics: ProcessMetrics,
): Promise<HttpServer> {
  const { host, httpPort: port, token } = config;
  const onFault = (path: string, why: string, trace?: Traceparent): void =>
    line("error", "a request failed", { path, why, ...traceFacts(trace) });
  if (roles.gateway === undefined) {
    const health = (): Health => healthOf(installation, roles);
    return startHealthServer({ host, port, token, health, metrics: () => metrics.text(), onFault });
  }
  return startApi({
    host,
    port,
    token,
    operations: operationsOf(installation, roles, tracer),
    metrics: () => metrics.text(),
    onFault,
  });
}

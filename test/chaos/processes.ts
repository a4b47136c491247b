import type { MillraceProcess, TestInstallation } from "../support/millrace.ts";
import { freePort } from "../support/servers/ports.ts";
import { TcpProxy } from "../support/servers/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { type Servers, type Side, sides } from "./servers.ts";

export type Role = "gateway" | "engine" | "dispatcher";
const roles = ["gateway", "engine", "dispatcher"] as const;

/** One process and its place: where it stands, and, of a gateway, how the others reach it. */
export interface Place {
  readonly role: Role;
  readonly side: Side;
  readonly args: readonly string[];
  readonly wayToGateway?: TcpProxy;
  process: MillraceProcess;
}

/** A process ends in time: 20 s is what the product gives itself. */
const STOP_MS_MAX = 30_000;
const STARTS_MAX = 5;
/** Where brokers have just come back, a group of its own may have no coordinator for a while. */
const START_MS_MAX = 120_000;

/** The processes of an installation, in turn on the two sides of the network. */
export class Processes {
  readonly #installation: TestInstallation;
  readonly #servers: Servers;
  readonly places: Place[] = [];

  constructor(installation: TestInstallation, servers: Servers) {
    this.#installation = installation;
    this.#servers = servers;
  }

  async start(counts: Readonly<Record<Role, number>>): Promise<void> {
    const wanted = roles.flatMap((role) =>
      Array.from({ length: counts[role] }, (_, at) => ({ role, side: sides[at % 2] as Side })),
    );
    await Promise.all(wanted.map(({ role, side }) => this.#add(role, side)));
  }

  /** Has that many of a role: starts what is missing, or ends the newest in order, all at once. */
  async resize(role: Role, count: number): Promise<void> {
    const there = this.of(role);
    const missing = Array.from({ length: Math.max(0, count - there.length) }, (_, at) =>
      this.#add(role, sides[(there.length + at) % 2] as Side),
    );
    const bad: string[] = [];
    const ended = there.slice(count).map(async (place) => {
      await this.#end(place, bad);
      this.places.splice(this.places.indexOf(place), 1);
    });
    await Promise.all([...missing, ...ended]);
    if (bad.length > 0) throw new Error(bad.join("\n"));
  }

  async #add(role: Role, side: Side): Promise<void> {
    const args = [
      "--log-url",
      this.#servers.kafkaUrl(side),
      "--state-url",
      this.#servers.redisUrl(side),
    ];
    const peer = role === "gateway" ? await wayToPeer() : undefined;
    if (peer !== undefined) args.push("--peer-url", peer.url);
    const process = await this.#installation.start({ role, args });
    const way = peer === undefined ? {} : { wayToGateway: peer.way };
    this.places.push({ role, side, args, process, ...way });
  }

  of(role: Role): readonly Place[] {
    return this.places.filter((place) => place.role === role);
  }

  /** Addresses of the gateways that run. */
  gateways(): string[] {
    return this.of("gateway").flatMap(({ process }) =>
      process.exitCode === undefined && process.mqtt !== "" ? [process.mqtt] : [],
    );
  }

  /**
   * Starts another process in the place of one that ended; one that gives up its start is started again,
   * as an orchestrator would, and is spoken of.
   */
  async replace(place: Place): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const next = this.#installation.launch({ role: place.role, args: place.args });
      place.process = next;
      try {
        return await next.started(START_MS_MAX);
      } catch (error) {
        if (next.exitCode === undefined || attempt === STARTS_MAX) throw error;
        console.log(`${place.role} gave up its start:\n${next.output.trim()}`);
      }
    }
  }

  /** Ends all of them in order. @returns exit codes other than 0 */
  async stop(): Promise<readonly string[]> {
    const bad: string[] = [];
    await Promise.all(this.places.map((place) => this.#end(place, bad)));
    return bad;
  }

  /** @param bad takes what ended with another code than 0 */
  async #end(place: Place, bad: string[]): Promise<void> {
    const { role, process, wayToGateway } = place;
    process.signal("SIGTERM");
    await until(() => process.exitCode !== undefined, STOP_MS_MAX);
    if (process.exitCode !== 0) bad.push(`${role} ${process.pid} ended with ${process.exitCode}`);
    await wayToGateway?.close();
  }

  /** How they stand, and how far they are behind, for a failure's report. */
  async states(): Promise<string> {
    const running = this.places.filter(({ process }) => process.exitCode === undefined);
    const states = running.map(async ({ role, side, process }) => {
      const paths = ["/readyz", "/metrics"];
      const [ready = "", metrics = ""] = await Promise.all(paths.map((path) => process.text(path)));
      const told = /^millrace_\w+_(lag|lag_age_\w+|partitions|claims_total|effects_\w+)\{.*/gm;
      const lags = Array.from(metrics.matchAll(told), ([line]) => line);
      return [`--- ${role} ${process.pid} on ${side}`, ready, ...lags].join("\n");
    });
    return (await Promise.all(states)).join("\n");
  }

  /** What they wrote, for a failure's report. */
  get output(): string {
    return this.places
      .map(({ role, side, process }) => `--- ${role} ${process.pid} on ${side}\n${process.output}`)
      .join("\n");
  }
}

/**
 * A gateway is reached at the port that it listens on, so the proxy before it needs that port on another
 * address of the loopback interface: Linux has more than one.
 */
async function wayToPeer(): Promise<{ url: string; way: TcpProxy } | undefined> {
  if (process.platform !== "linux") return undefined;
  const port = await freePort();
  const way = await TcpProxy.open(port, { host: "127.0.0.2", port });
  return { url: `ws://127.0.0.2:${port}`, way };
}

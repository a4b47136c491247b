import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { clusterInstallation } from "../support/millrace.ts";
import { Scrape } from "../support/scrape.ts";
import { until } from "../support/until.ts";
import { check, type Findings } from "./checker.ts";
import { type DeviceOptions, LedgerDevice } from "./device.ts";
import { type Place, Processes, type Role } from "./processes.ts";
import { Servers, type ServersOptions } from "./servers.ts";

const flows = fileURLToPath(new URL("flows", import.meta.url));

export interface StageOptions {
  readonly servers: ServersOptions;
  readonly processes: Readonly<Record<Role, number>>;
  readonly devices: Omit<DeviceOptions, "patienceMs"> & {
    readonly count: number;
    /** Of each: `d` and a number. d1, d2 and so on unless said. */
    readonly names?: readonly string[];
    /** Of these, those that do not begin by themselves. */
    readonly late?: number;
    /** 5 s unless said. */
    readonly patienceMs?: number;
  };
  readonly partitions: number;
}

/** The work goes on when every device has had a few more PUBACKs and commands. */
const MORE = 3;
const GOES_ON_MS_MAX = 90_000;
const ROOMS = 5;
const PATIENCE_MS = 5_000;
/** Levels expire after 3 s, and timers of 2 s fire. */
const SETTLES_MS = 5_000;
/** By then engines have asked anew where the log ends. */
const LAG_KNOWN_MS = 6_000;
const DECIDED_MS_MAX = 300_000;

/** An installation of its own on servers of its own, and devices that work with it. */
export class Stage {
  readonly servers: Servers;
  readonly processes: Processes;
  readonly devices: readonly LedgerDevice[];
  readonly #prefix: string;
  readonly #begun: LedgerDevice[] = [];

  private constructor(
    servers: Servers,
    processes: Processes,
    devices: readonly LedgerDevice[],
    prefix: string,
  ) {
    this.servers = servers;
    this.processes = processes;
    this.devices = devices;
    this.#prefix = prefix;
  }

  /** All of it ends with the test. */
  static async open(options: StageOptions): Promise<Stage> {
    const servers = await Servers.start(options.servers);
    onTestFinished(() => servers.stop());
    const { partitions } = options;
    const urls = {
      kafka: servers.kafkaUrl("A"),
      redis: servers.redisUrl("A"),
      brokers: servers.brokers.length,
      partitions,
    };
    const installation = clusterInstallation(flows, urls, { MILLRACE_LOG_LEVEL: "debug" });
    const processes = new Processes(installation, servers);
    onTestFinished(({ task }) => {
      if (task.result?.state === "fail") console.error(processes.output);
    });
    await processes.start(options.processes);
    const devices = fleet(options.devices);
    onTestFinished(async () => {
      await Promise.all(devices.map((device) => device.close()));
    });
    const prefix = installation.env["MILLRACE_TOPIC_PREFIX"] ?? "";
    const stage = new Stage(servers, processes, devices, prefix);
    const late = options.devices.late ?? 0;
    stage.begin(devices.slice(0, devices.length - late));
    await stage.goesOn();
    return stage;
  }

  begin(devices: readonly LedgerDevice[]): void {
    for (const device of devices) device.start(() => this.processes.gateways());
    this.#begun.push(...devices);
  }

  /** Resolves when every device that has begun has had a few more PUBACKs and commands. */
  async goesOn(): Promise<void> {
    const begun = [...this.#begun];
    const before = begun.map(({ acknowledged, answered }) => [acknowledged, answered]);
    const waiting = (): readonly LedgerDevice[] =>
      begun.filter(({ acknowledged, answered }, at) => {
        const [events = 0, commands = 0] = before[at] ?? [];
        return acknowledged < events + MORE || answered < commands + MORE;
      });
    await until(() => waiting().length === 0, GOES_ON_MS_MAX).catch(async () => {
      console.error(await this.processes.states());
      const states = waiting().map(
        ({ name, events, acknowledged, answered }) =>
          `${name}: ${events.length} published, ${acknowledged} acknowledged, ${answered} answered`,
      );
      throw new Error(`no progress within ${GOES_ON_MS_MAX} ms:\n${states.join("\n")}`);
    });
  }

  /** No device publishes any more, and each has had a command for every event, or never will. */
  async comesToRest(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.finish()));
    const isAnswered = ({ events, answered }: LedgerDevice): boolean => answered >= events.length;
    // What never came, the checker names.
    await until(() => this.devices.every(isAnswered), GOES_ON_MS_MAX).catch(() => {});
    await sleep(SETTLES_MS);
  }

  /**
   * Resolves when engines have decided all that the log has, as they say themselves: where devices say more
   * than engines keep up with, rooms are behind when the last command has come.
   */
  async untilDecided(): Promise<void> {
    await this.comesToRest();
    await sleep(LAG_KNOWN_MS);
    const lagOf = async ({ process }: Place): Promise<number> => {
      const response = await fetch(`${process.http}/metrics`);
      return new Scrape(await response.text()).sum("millrace_engine_lag");
    };
    await until(async () => {
      const lags = await Promise.all(this.processes.of("engine").map(lagOf));
      return lags.every((lag) => lag === 0);
    }, DECIDED_MS_MAX);
  }

  /** Ends the processes in order, and compares the log with the devices' ledgers. */
  async check(): Promise<Findings> {
    await this.comesToRest();
    expect(await this.processes.stop()).toEqual([]);
    return check(this.devices, { brokers: this.servers.bootstrap, prefix: this.#prefix });
  }
}

function fleet({ count, names, ...more }: StageOptions["devices"]): readonly LedgerDevice[] {
  const options = { patienceMs: PATIENCE_MS, ...more };
  return Array.from(
    { length: count },
    (_, n) => new LedgerDevice(names?.[n] ?? `d${n + 1}`, `room${n % ROOMS}`, options),
  );
}

export function expectNothingWrong({ lost, doubled, wrong }: Findings): void {
  expect({ lost, doubled, wrong }).toEqual({ lost: [], doubled: [], wrong: [] });
}

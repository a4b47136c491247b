import { setTimeout as sleep } from "node:timers/promises";
import { processFaults, type Scene, serverFaults } from "./faults.ts";
import type { Role } from "./processes.ts";
import { Random } from "./random.ts";
import { report } from "./report.ts";
import type { ServersOptions } from "./servers.ts";
import { expectNothingWrong, Stage } from "./stage.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly servers: ServersOptions;
  readonly processes: Readonly<Record<Role, number>>;
  readonly devices: number;
  readonly partitions: number;
  /** Names of the faults to make, a process's and a server's at a time. */
  readonly faults: { readonly processes: readonly string[]; readonly servers: readonly string[] };
  /** When it is enough. */
  readonly until: { readonly rounds: number } | { readonly minutes: number };
}

const PACE_MS = 200;
const WINDOW_MAX = 3;
/** The two faults of a round begin within that time. */
const APART_MS = 2_000;

/** Makes faults under load until it is enough, and then compares the log with the devices' ledgers. */
export async function chaos(options: ChaosOptions): Promise<void> {
  const { seed, servers, processes, partitions } = options;
  console.log(`seed ${seed}`);
  const devices = { count: options.devices, paceMs: PACE_MS, windowMax: WINDOW_MAX };
  const stage = await Stage.open({ servers, processes, devices, partitions });
  const faults = await makeFaults(stage, options);
  // The last fault is not mended: all of them end in order though a broker is away.
  if (servers.brokers > 1) await stage.servers.brokers[0]?.kill();
  const findings = await stage.check();
  console.log(report(faults, findings, stage.devices));
  expectNothingWrong(findings);
}

/** @returns the kinds of the faults that were made */
async function makeFaults(
  stage: Stage,
  { seed, faults, until: enough }: ChaosOptions,
): Promise<readonly string[]> {
  const random = new Random(seed);
  const scene: Scene = { servers: stage.servers, processes: stage.processes, random };
  const made: string[] = [];
  const decks = [random.deck(faults.processes), random.deck(faults.servers)];
  const startedAt = performance.now();
  for (let round = 1; ; round++) {
    const chosen = decks.map((deck) => deck.next().value);
    await Promise.all(
      chosen.map(async (name) => {
        await sleep(random.between(0, APART_MS));
        console.log(`${seconds(startedAt)} ${name}`);
        const fault = processFaults[name] ?? serverFaults[name];
        const what = await fault?.(scene);
        if (what === "not made") console.log(`${seconds(startedAt)} ${name}: not made`);
        else made.push(name);
      }),
    );
    const mendedAt = performance.now();
    await stage.goesOn();
    console.log(`${seconds(startedAt)} all go on, ${seconds(mendedAt)} after round ${round}`);
    if ("rounds" in enough && round >= enough.rounds) return made;
    if ("minutes" in enough && performance.now() - startedAt > enough.minutes * 60_000) return made;
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

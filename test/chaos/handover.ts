import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/until.ts";
import type { Place } from "./processes.ts";
import { latencies } from "./report.ts";
import type { Stage } from "./stage.ts";

/** What one change of engines cost, in milliseconds. */
export interface Change {
  /** The longest that a device waited for a command, of each device. */
  readonly pauses: readonly number[];
  /** From the signal until the process was gone. */
  readonly endedInMs: number;
}

/** How long before a change its events count, and how often to look for the end of a process. */
const BEFORE_MS = 1_000;
const LOOK_MS = 2;

/** Ends one of the engines while devices work, and waits until all of them go on. */
export async function endEngine(
  stage: Stage,
  place: Place,
  signal: "SIGTERM" | "SIGKILL",
): Promise<Change> {
  return await measured(stage, async () => {
    const { process } = place;
    const at = performance.now();
    process.signal(signal);
    while (process.exitCode === undefined) await sleep(LOOK_MS);
    return performance.now() - at;
  });
}

/** Starts an engine where one ended, which gives it half of the partitions. */
export async function addEngine(stage: Stage, place: Place): Promise<Change> {
  return await measured(stage, async () => {
    await stage.processes.replace(place);
    return 0;
  });
}

/** @param work gives how long it took */
async function measured(stage: Stage, work: () => Promise<number>): Promise<Change> {
  const from = performance.now() - BEFORE_MS;
  const endedInMs = await work();
  await stage.goesOn();
  const to = performance.now();
  const during = stage.devices.map(({ events }) => ({
    events: events.filter(({ at }) => at >= from && at <= to),
  }));
  await until(() => during.every(({ events }) => events.every((one) => one.answeredAt)), 30_000);
  const pauses = during.map((device) => Math.max(...latencies([device]).command));
  return { pauses, endedInMs };
}

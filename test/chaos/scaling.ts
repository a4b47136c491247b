import { setTimeout as sleep } from "node:timers/promises";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { until } from "../support/until.ts";
import type { Findings } from "./checker.ts";
import type { Role } from "./processes.ts";
import { latencies, showPauses } from "./report.ts";
import type { Stage } from "./stage.ts";

/** What it cost to have another number of processes of a role. */
export interface Resize {
  readonly role: Role;
  readonly from: number;
  readonly to: number;
  /** When it began; of `performance.now()`. */
  readonly at: number;
  /** Until all that were started are ready, and all that were ended are gone; in ms. */
  readonly tookMs: number;
  /** The longest that a device of a partition waited for a command, by partition; in ms. */
  readonly pauses: ReadonlyMap<number, number>;
  /** Events a second that were answered by a command, before and after it. */
  readonly before: number;
  readonly after: number;
}

/** How long throughput is counted before and after a change. */
const COUNTED_MS = 5_000;
/** How long before a change its events count. */
const BEFORE_MS = 1_000;
const ANSWERED_MS_MAX = 60_000;

/** Starts or ends processes of a role while devices work, and waits until all of them go on. */
export async function resize(
  stage: Stage,
  { role, to, partitions }: { role: Role; to: number; partitions: number },
): Promise<Resize> {
  const from = stage.processes.of(role).length;
  const before = await throughput(stage);
  const at = performance.now();
  await stage.processes.resize(role, to);
  const tookMs = performance.now() - at;
  await stage.goesOn();
  const end = performance.now();
  const during = stage.devices.map(({ name, events }) => ({
    partition: partitionOf(logKey("default", name), partitions),
    events: events.filter((one) => one.at >= at - BEFORE_MS && one.at <= end),
  }));
  const waiting = (): number =>
    during.flatMap(({ events }) => events).filter((one) => one.answeredAt === undefined).length;
  await until(() => waiting() === 0, ANSWERED_MS_MAX).catch(() => {
    const what = `${waiting()} events of ${role}s ${from} > ${to}`;
    throw new Error(`${what} have no command after ${ANSWERED_MS_MAX} ms`);
  });
  const byPartition = Map.groupBy(during, ({ partition }) => partition);
  const pauses = new Map(
    Array.from(byPartition, ([partition, devices]) => [
      partition,
      Math.max(...latencies(devices).command),
    ]),
  );
  return { role, from, to, at, tookMs, pauses, before, after: await throughput(stage) };
}

async function throughput({ devices }: Stage): Promise<number> {
  const answered = (): number => devices.reduce((sum, device) => sum + device.answered, 0);
  const [count, at] = [answered(), performance.now()];
  await sleep(COUNTED_MS);
  return ((answered() - count) * 1_000) / (performance.now() - at);
}

/** One line for each change, with what was lost or doubled of its events. */
export function showResizes(
  { devices }: Stage,
  changes: readonly Resize[],
  { lost, doubled }: Findings,
): string {
  /** When the event that a finding names was published; undefined for one that names none. */
  const timeOf = (finding: string): number | undefined => {
    const [, name, n] = /\b(d\d+)-(\d+)\b/.exec(finding) ?? [];
    return devices.find((device) => device.name === name)?.events[Number(n) - 1]?.at;
  };
  const lines = changes.map((change, index) => {
    const until = changes[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const during = (findings: readonly string[]): number =>
      findings.filter((finding) => {
        const at = timeOf(finding) ?? Number.NEGATIVE_INFINITY;
        return at >= change.at - BEFORE_MS && at < until - BEFORE_MS;
      }).length;
    const { role, from, to, tookMs, pauses, before, after } = change;
    const title = `${role}s ${from} > ${to}, in ${(tookMs / 1_000).toFixed(1)} s: each partition`;
    const rest = `lost ${during(lost)}, doubled ${during(doubled)}, events/s ${before.toFixed(0)} > ${after.toFixed(0)}`;
    return `${showPauses(title, [...pauses.values()])}, ${rest}`;
  });
  return [...lines, `in all: lost ${lost.length}, doubled ${doubled.length}`].join("\n");
}

import { setTimeout as sleep } from "node:timers/promises";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { until } from "../support/until.ts";
import type { Findings } from "./checker.ts";
import type { LedgerDevice } from "./device.ts";
import type { Role } from "./processes.ts";
import { latencies } from "./report.ts";
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

/** Names of devices, as many for each partition. @param each how many */
export function namesOfDevices(partitions: number, each: number): readonly string[] {
  const held = new Map<number, number>();
  const names: string[] = [];
  for (let n = 1; names.length < partitions * each; n += 1) {
    const name = `d${n}`;
    const partition = partitionOfDevice(name, partitions);
    const count = held.get(partition) ?? 0;
    if (count === each) continue;
    held.set(partition, count + 1);
    names.push(name);
  }
  return names;
}

function partitionOfDevice(name: string, partitions: number): number {
  return partitionOf(logKey("default", name), partitions);
}

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
    partition: partitionOfDevice(name, partitions),
    events: events.filter((one) => one.at >= at - BEFORE_MS && one.at <= end),
  }));
  const waiting = (): number =>
    during.flatMap(({ events }) => events).filter((one) => one.answeredAt === undefined).length;
  await until(() => waiting() === 0, ANSWERED_MS_MAX).catch(() => {
    const what = `${waiting()} events of ${role}s ${from} > ${to}`;
    throw new Error(`${what} have no command after ${ANSWERED_MS_MAX} ms`);
  });
  const pauses = longestWaits(during, partitions);
  return { role, from, to, at, tookMs, pauses, before, after: await throughput(stage) };
}

type Events = LedgerDevice["events"];

/**
 * The longest wait for a command in each partition, in ms.
 * @throws where no device of a partition said anything: that nothing happened there is not known
 */
export function longestWaits(
  said: readonly { readonly partition: number; readonly events: Events }[],
  partitions: number,
): ReadonlyMap<number, number> {
  const byPartition = Map.groupBy(said, ({ partition }) => partition);
  return new Map(
    Array.from({ length: partitions }, (_, partition) => {
      const waits = latencies(byPartition.get(partition) ?? []).command;
      if (waits.length === 0) throw new Error(`no device said anything in partition ${partition}`);
      return [partition, Math.max(...waits)];
    }),
  );
}

async function throughput({ devices }: Stage): Promise<number> {
  const answered = (): number => devices.reduce((sum, device) => sum + device.answered, 0);
  const [count, at] = [answered(), performance.now()];
  await sleep(COUNTED_MS);
  return ((answered() - count) * 1_000) / (performance.now() - at);
}

/** Two lines for each change: the longest wait in each partition, and what was lost or doubled of its events. */
export function showResizes(
  { devices }: { readonly devices: readonly Pick<LedgerDevice, "name" | "events">[] },
  changes: readonly Resize[],
  { lost, doubled }: Pick<Findings, "lost" | "doubled">,
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
    return [
      `${role}s ${from} > ${to}, in ${(tookMs / 1_000).toFixed(1)} s: lost ${during(lost)}, doubled ${during(doubled)}, events/s ${before.toFixed(0)} > ${after.toFixed(0)}`,
      `  longest wait of each partition in ms: ${showEach(pauses)}`,
    ].join("\n");
  });
  return [...lines, `in all: lost ${lost.length}, doubled ${doubled.length}`].join("\n");
}

function showEach(pauses: ReadonlyMap<number, number>): string {
  return Array.from(pauses, ([partition, ms]) => `${partition}: ${ms.toFixed(0)}`).join(", ");
}

import type { Findings } from "./checker.ts";
import type { LedgerDevice } from "./device.ts";

/** Pauses in milliseconds. */
interface Pauses {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

function pausesOf(samples: readonly number[]): Pauses {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** From a PUBLISH to its PUBACK, and to the arrival of the command that answers it. */
export function latencies(devices: readonly Pick<LedgerDevice, "events">[]): {
  puback: number[];
  command: number[];
} {
  const events = devices.flatMap(({ events }) => events);
  const since = (of: "acknowledgedAt" | "answeredAt"): number[] =>
    events.flatMap(({ at, [of]: until }) => (until === undefined ? [] : [until - at]));
  return { puback: since("acknowledgedAt"), command: since("answeredAt") };
}

export function showPauses(title: string, samples: readonly number[]): string {
  const { count, p50, p99, max } = pausesOf(samples);
  return `${title.padEnd(44)} p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${count})`;
}

/** What happened and what came of it, for people. */
export function report(
  faults: readonly string[],
  findings: Findings,
  devices: readonly LedgerDevice[],
): string {
  const byKind = Map.groupBy(faults, (kind) => kind);
  const { puback, command } = latencies(devices);
  return [
    "faults",
    ...Array.from(byKind, ([kind, all]) => row(kind, all.length)).toSorted(),
    row("in all", faults.length),
    "",
    "work",
    ...Object.entries(findings.counts).map(([name, count]) => row(name, count)),
    "",
    "verdict",
    row("lost", findings.lost.length),
    row("doubled", findings.doubled.length),
    row("wrong", findings.wrong.length),
    "",
    showPauses("from PUBLISH to PUBACK", puback),
    showPauses("from PUBLISH to the command", command),
  ].join("\n");
}

function row(name: string, count: number): string {
  return `  ${name.padEnd(44)} ${String(count).padStart(8)}`;
}

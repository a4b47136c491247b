import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import type { Ignored } from "@millrace/shared/core/decision";
import { Histogram } from "@millrace/shared/telemetry/histogram";

/** What an engine has done since it started: plain counts, read by health, metrics and benches. */
export interface EngineCounters {
  records: number;
  /** Records that a writer had written before. */
  repeats: number;
  steps: number;
  rejected: number;
  timersFired: number;
  marks: number;
  appends: number;
  commits: number;
  committedInstances: number;
  loads: number;
  loadedInstances: number;
  copies: number;
  claims: number;
  /** Passes begun, and deletions of old records. */
  passes: number;
  truncations: number;
  /** Tenures that ended because ownership could not be relied on any more. */
  lost: number;
  ignored: Partial<Record<Ignored, number>>;
  /** The rejected ones, by code. */
  rejections: Partial<Record<RejectionCode, number>>;
}

export function engineCounters(): EngineCounters {
  return {
    records: 0,
    repeats: 0,
    steps: 0,
    rejected: 0,
    timersFired: 0,
    marks: 0,
    appends: 0,
    commits: 0,
    committedInstances: 0,
    loads: 0,
    loadedInstances: 0,
    copies: 0,
    claims: 0,
    passes: 0,
    truncations: 0,
    lost: 0,
    ignored: {},
    rejections: {},
  };
}

/** How long what an engine does has taken. */
export interface EngineDurations {
  /** From the log's time of an input until its step is acknowledged. */
  readonly step: Histogram;
  readonly append: Histogram;
  readonly commit: Histogram;
  /** From when a timer was due until it fired. */
  readonly lateness: Histogram;
}

export function engineDurations(): EngineDurations {
  return {
    step: new Histogram(),
    append: new Histogram(),
    commit: new Histogram(),
    lateness: new Histogram(),
  };
}

export function countIgnored({ ignored }: EngineCounters, why: Ignored): void {
  ignored[why] = (ignored[why] ?? 0) + 1;
}

export function countRejected(counters: EngineCounters, code: RejectionCode): void {
  counters.rejected += 1;
  counters.rejections[code] = (counters.rejections[code] ?? 0) + 1;
}

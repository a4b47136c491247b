import type { EpochMs } from "@millrace/shared/contract/time";
import type { Committer } from "./committer.ts";
import type { InstanceCache } from "./instance-cache.ts";
import type { Intake } from "./intake.ts";
import type { Retention } from "./retention.ts";
import type { TimerWindow } from "./timer-window.ts";

/** How a tenure stands, as far as operators ask. */
export interface TenureFacts {
  /** How long the oldest record that has arrived waits. */
  readonly waitingMs: number;
  /** Instances in memory, and those of them that the store does not have as they are. */
  readonly cached: number;
  readonly uncommitted: number;
  readonly timers: { readonly pending: number; readonly due: number };
  /** Of the journal, estimated. */
  readonly journalBytes: number;
}

interface TenureParts {
  /** The log's time. */
  readonly now: EpochMs;
  readonly intake: Intake;
  readonly cache: InstanceCache;
  readonly committer: Committer;
  readonly timers: TimerWindow;
  readonly retention: Retention;
}

export function factsOf(parts: TenureParts): TenureFacts {
  const { now, intake, cache, committer, timers, retention } = parts;
  const oldest = intake.peek(1)[0]?.time ?? now;
  return {
    waitingMs: Math.max(0, now - oldest),
    cached: cache.size,
    uncommitted: committer.uncommitted,
    timers: timers.count(now),
    journalBytes: retention.bytes,
  };
}

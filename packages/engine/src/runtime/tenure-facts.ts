import type { EpochMs } from "@millrace/shared/contract/time";
import type { Committer } from "./committer.ts";
import type { InstanceCache } from "./instance-cache.ts";
import type { Retention } from "./retention.ts";
import type { TimerWindow } from "./timer-window.ts";

/** How a tenure stands, as far as operators ask. */
export interface TenureFacts {
  /** Instances in memory, and those of them that the store does not have as they are. */
  readonly cached: number;
  readonly uncommitted: number;
  readonly timers: { readonly pending: number; readonly due: number };
  /** Of the journal, estimated. */
  readonly journalBytes: number;
}

/** @param now the log's time */
export function factsOf(
  now: EpochMs,
  cache: InstanceCache,
  committer: Committer,
  timers: TimerWindow,
  retention: Retention,
): TenureFacts {
  return {
    cached: cache.size,
    uncommitted: committer.uncommitted,
    timers: timers.count(now),
    journalBytes: retention.bytes,
  };
}

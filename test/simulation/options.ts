import type { DispatchOptions } from "@millrace/engine/dispatch/options";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import type { Scheduler } from "./scheduler.ts";

/** What engines and dispatchers of one simulation are bounded by: little, so that each bound is met. */

export function drawEngineOptions(scheduler: Scheduler): Partial<EngineOptions> {
  const cachedInstancesMax = scheduler.pick([2, 4, 100]) as number;
  const turnRecordsMax = scheduler.between(1, 5);
  const turnMax = scheduler.pick([1, 2, 500]) as number;
  return {
    cachedInstancesMax,
    turnRecordsMax,
    turnTimersMax: turnMax,
    turnDeliveriesMax: turnMax,
    arrivedRecordsMax: scheduler.between(2, 12),
    commitMs: scheduler.pick([5, 50, 400]) as number,
    commitStepsMax: scheduler.between(1, 6),
    uncommittedMax: scheduler.between(2, 6),
    storeCheckMs: 500,
    timerWindowMs: scheduler.pick([2_000, 4_000, 60_000]) as number,
    reclaimMs: scheduler.between(20, 500),
    foldedMax: scheduler.pick([1, 3, 5_000]) as number,
    ...drawRetention(scheduler),
  };
}

/** In two of five seeds journals are left alone, in the others they are cut all the time. */
function drawRetention(scheduler: Scheduler): Partial<EngineOptions> {
  if (scheduler.chance(0.4)) return {};
  return {
    retentionCheckMs: scheduler.between(20, 800),
    checkpointRecordsMin: scheduler.between(6, 15),
    checkpointRatio: scheduler.pick([1.5, 2, 3]) as number,
    checkpointMs: scheduler.pick([5_000, 86_400_000]) as number,
    floorsApartMs: scheduler.pick([0, 2_000, 86_400_000]) as number,
    retentionMs: scheduler.pick([0, 500, 4_000]) as number,
    cutMs: scheduler.between(20, 1_500),
    journalBytesMax: scheduler.pick([2 ** 32, 40_000]) as number,
  };
}

export function drawDispatchOptions(scheduler: Scheduler): Partial<DispatchOptions> {
  return {
    parkMs: scheduler.pick([200, 1_000]) as number,
    retryMs: 1_000,
    askAgainMs: 2_000,
    underWayMax: scheduler.pick([2, 10_000]) as number,
    callBackoffMs: 200,
    callsAtOnceMax: scheduler.pick([1, 16]) as number,
    callsWaitingMax: scheduler.pick([1, 10_000]) as number,
    circuitFailures: scheduler.pick([2, 10_000]) as number,
    circuitOpenMs: 2_000,
  };
}

import { rejectionCodes } from "@millrace/shared/contract/journal-record";
import { ignoredReasons } from "@millrace/shared/core/decision";
import type { Observe } from "@millrace/shared/telemetry/observe";
import type { EngineCounters, EngineDurations } from "./counters.ts";
import { ownerStates, type PartitionOwner } from "./partition-owner.ts";

/** What an engine counts, as metrics: looked at when somebody asks, never counted twice. */
export function observeCounters(
  observe: Observe,
  counters: EngineCounters,
  durations: EngineDurations,
): void {
  observe("millrace.engine.records", counters.records);
  observe("millrace.engine.repeats", counters.repeats);
  observe("millrace.engine.steps", counters.steps);
  observe("millrace.engine.copies", counters.copies);
  observe("millrace.engine.timers.fired", counters.timersFired);
  observe("millrace.engine.instances.loaded", counters.loadedInstances);
  observe("millrace.engine.claims", counters.claims);
  observe("millrace.engine.ownership.lost", counters.lost);
  observe("millrace.engine.checkpoints", counters.passes);
  observe("millrace.engine.truncations", counters.truncations);
  for (const reason of ignoredReasons)
    observe("millrace.engine.ignored", counters.ignored[reason] ?? 0, { reason });
  for (const code of rejectionCodes)
    observe("millrace.engine.rejections", counters.rejections[code] ?? 0, { code });
  observe("millrace.engine.step.duration", durations.step);
  observe("millrace.engine.journal.append.duration", durations.append);
  observe("millrace.engine.commit.duration", durations.commit);
  observe("millrace.engine.timer.lateness", durations.lateness);
}

/** @param ends where `events` ends, by partition, as far as that is known */
export function observePartitions(
  observe: Observe,
  owners: readonly PartitionOwner[],
  ends: ReadonlyMap<number, number>,
): void {
  for (const state of ownerStates) {
    const count = owners.filter((owner) => owner.state === state).length;
    observe("millrace.engine.partitions", count, { state });
  }
  let [cached, uncommitted, pending, due] = [0, 0, 0, 0];
  for (const { partition, inputOffset, waitingMs, facts } of owners) {
    const end = ends.get(partition);
    if (inputOffset !== undefined && end !== undefined)
      observe("millrace.engine.lag", Math.max(0, end - inputOffset), { partition });
    if (facts === undefined) continue;
    observe("millrace.engine.lag.age", Math.max(0, waitingMs) / 1_000, { partition });
    observe("millrace.engine.journal.size", Math.round(facts.journalBytes), { partition });
    cached += facts.cached;
    uncommitted += facts.uncommitted;
    pending += facts.timers.pending;
    due += facts.timers.due;
  }
  observe("millrace.engine.instances.cached", cached);
  observe("millrace.engine.instances.uncommitted", uncommitted);
  observe("millrace.engine.timers.pending", pending);
  observe("millrace.engine.timers.due", due);
}

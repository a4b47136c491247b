import { callErrorReasons } from "@millrace/shared/contract/call-result";
import type { Observe } from "@millrace/shared/telemetry/observe";
import type { Calls } from "./calls.ts";
import type { Commands } from "./commands.ts";
import type { DispatchCounters, DispatchDurations } from "./options.ts";

/** What a dispatcher counts, as metrics: looked at when somebody asks, never counted twice. */
export function observeCounters(
  observe: Observe,
  counters: DispatchCounters,
  durations: DispatchDurations,
): void {
  observe("millrace.dispatcher.records", counters.records);
  observe("millrace.dispatcher.void", counters.void);
  for (const outcome of ["delivered", "refused", "superseded", "expired"] as const)
    observe("millrace.dispatcher.commands", counters[outcome], { outcome });
  observe("millrace.dispatcher.calls", counters.callsDone, { outcome: "done" });
  observe("millrace.dispatcher.calls", counters.callsFailed, { outcome: "error" });
  for (const reason of callErrorReasons)
    observe("millrace.dispatcher.call.errors", counters.callErrors[reason] ?? 0, { reason });
  observe("millrace.dispatcher.call.retries", counters.callsRetried);
  observe("millrace.dispatcher.sends", counters.sent);
  observe("millrace.dispatcher.publishes", counters.published);
  observe("millrace.dispatcher.effects.dropped", counters.dropped);
  observe("millrace.dispatcher.effects.parked", counters.parked);
  observe("millrace.dispatcher.effect.duration", durations.command, { kind: "command" });
  observe("millrace.dispatcher.effect.duration", durations.call, { kind: "call" });
}

export function observePending(observe: Observe, commands: Commands, calls: Calls): void {
  const kinds = [
    ["command", commands],
    ["call", calls],
  ] as const;
  for (const [kind, { underWay, parked }] of kinds) {
    const name = "millrace.dispatcher.effects.pending";
    observe(name, parked, { kind, state: "parked" });
    observe(name, underWay - parked, { kind, state: "begun" });
  }
  observe("millrace.dispatcher.circuits.open", calls.circuitsOpen);
}

import { type Instance, isEnded, type Owed, type Timer } from "../../contract/instance.ts";
import type { RejectionCode } from "../../contract/journal-record.ts";
import { effectId } from "../../contract/names.ts";
import type { EpochMs } from "../../contract/time.ts";
import type { Flow } from "../../flow/flow.ts";
import type { TimerInput } from "../input.ts";
import { fireTimer } from "../timers.ts";
import { type Decision, ignored, reject } from "../decision.ts";
import { transitionOn } from "../transition.ts";
import type { World } from "../world.ts";
import { settle } from "./result.ts";

/**
 * The earliest timer of an instance fires, if it is due by now and the instance still holds it.
 *
 * A timer that the machine cannot take is gone all the same: otherwise it would fire for ever. But one
 * whose flow version is not known here waits for it: nothing is wrong with the instance.
 */
export function decideTimer(
  instance: Instance | undefined,
  input: TimerInput,
  world: World,
): Decision {
  if (instance === undefined || instance.status === "paused") return ignored("timer-gone");
  const next = earliest(instance);
  if (next === undefined || next.due > input.at) return ignored("timer-gone");
  const flow = world.flow(instance.version);
  if (flow === undefined) return ignored("unknown-version");
  return next.timer === undefined
    ? expire(instance, next.key, next.owed, input, world)
    : fire(instance, next.timer, flow, input, world);
}

function fire(
  instance: Instance,
  timer: Timer,
  flow: Flow,
  input: TimerInput,
  world: World,
): Decision {
  const { to, at } = input;
  const cause = { kind: "timer", type: timer.id, due: timer.due } as const;
  const timers = fireTimer(instance.timers ?? [], timer);
  const turn = { at, cause, to, payload: null };
  const event = { ...(timer.event ?? { type: timer.id }), at };
  const decision = transitionOn(
    { flow, before: instance, ...turn, event, levels: [], change: { timers } },
    world,
  );
  if (decision.kind !== "rejected") return decision;
  return {
    kind: "rejected",
    rejected: { ...decision.rejected, instance: without(instance, timers) },
  };
}

/** Takes the earliest timer out of an instance that must not be touched by it. */
export function rejectTimer(
  instance: Instance,
  { to, at }: TimerInput,
  code: RejectionCode,
  detail: string,
): Decision {
  const next = earliest(instance);
  if (next === undefined) return ignored("timer-gone");
  const subject = (type: string) => ({
    at,
    cause: { kind: "timer", type, due: next.due } as const,
    to,
    payload: null,
  });
  if (next.timer === undefined)
    return reject(subject(`expired.${next.owed.name}`), code, detail, notOwing(instance, next.key));
  const timers = fireTimer(instance.timers ?? [], next.timer);
  return reject(subject(next.timer.id), code, detail, without(instance, timers));
}

function notOwing(instance: Instance, key: string): Instance {
  const { [key]: _gone, ...owed } = instance.owed ?? {};
  return { ...instance, owed };
}

function without(instance: Instance, timers: readonly Timer[]): Instance {
  const { timers: _old, ...rest } = instance;
  return timers.length > 0 ? { ...rest, timers } : rest;
}

function expire(
  instance: Instance,
  key: string,
  owed: Owed,
  input: TimerInput,
  world: World,
): Decision {
  const [generation = 0, seq = 0, index = 0] = key.split("/").map(Number);
  const effect = effectId(instance, generation, seq, index);
  const expired = { to: input.to, at: input.at, outcome: "expired", payload: {}, effect } as const;
  const decision = settle(instance, key, owed, expired, world);
  if (decision.kind !== "rejected") return decision;
  return {
    kind: "rejected",
    rejected: { ...decision.rejected, instance: notOwing(instance, key) },
  };
}

type Due =
  | { readonly due: EpochMs; readonly timer: Timer }
  | { readonly due: EpochMs; readonly timer: undefined; readonly key: string; readonly owed: Owed };

/** The earliest of its timers and deadlines; of equal ones, the one that was set first. */
function earliest(instance: Instance): Due | undefined {
  let best: Due | undefined;
  if (!isEnded(instance)) {
    for (const timer of instance.timers ?? []) {
      if (best === undefined || timer.due < best.due) best = { due: timer.due, timer };
    }
  }
  for (const [key, owed] of Object.entries(instance.owed ?? {})) {
    if (owed.deadline === undefined || (best !== undefined && owed.deadline >= best.due)) continue;
    best = { due: owed.deadline, timer: undefined, key, owed };
  }
  return best;
}

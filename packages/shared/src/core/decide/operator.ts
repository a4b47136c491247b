import type { OperatorAction } from "../../contract/event-record.ts";
import { type Instance, type InstanceStatus, isEnded } from "../../contract/instance.ts";
import type { Cause, Step } from "../../contract/journal-record.ts";
import { type Decision, ignored } from "../decision.ts";
import type { OperatorInput } from "../input.ts";
import { isLike } from "../where.ts";
import type { World } from "../world.ts";

const becomes: Readonly<Record<OperatorAction, InstanceStatus>> = {
  pause: "paused",
  resume: "running",
  cancel: "cancelled",
};

/**
 * An operator pauses, resumes or cancels an instance. The machine does not hear of it: no exit action
 * runs. One that has ended and still owes a call is cancelled, too: its outcome may have been rejected, and
 * be deleted by now. What does not apply to the instance as it is by now changes nothing, and nothing is done twice
 * under one id.
 */
export function decideOperator(
  instance: Instance | undefined,
  input: OperatorInput,
  action: OperatorAction,
  { limits }: World,
): Decision {
  const { at, offset, id, where } = input;
  if (instance === undefined) return ignored("not-so");
  if (offset <= instance.in || instance.ids?.includes(id)) return ignored("repeat");
  if (!applies(action, instance) || !isLike(instance, where)) return ignored("not-so");
  const status = isEnded(instance) ? instance.status : becomes[action];
  const { timers, owed, ...rest } = instance;
  const after: Instance = {
    ...rest,
    // A cancelled machine wants nothing any more: what it still owes is not carried out.
    ...(action !== "cancel" && timers !== undefined && { timers }),
    ...(action !== "cancel" && owed !== undefined && { owed }),
    seq: instance.seq + 1,
    status,
    in: offset,
    ids: [...(instance.ids ?? []), id].slice(-limits.eventIdsMax),
    updatedAt: at,
  };
  const step: Step = {
    at,
    cause: causeOf(input),
    from: instance.state,
    effects: [],
    instance: after,
  };
  return { kind: "step", step, json: JSON.stringify(step), instanceJson: JSON.stringify(after) };
}

function applies(action: OperatorAction, instance: Instance): boolean {
  if (isEnded(instance)) return action === "cancel" && instance.owed !== undefined;
  return instance.status !== becomes[action];
}

function causeOf({ action, offset, id, payload }: OperatorInput): Cause {
  const { reason } = payload;
  return {
    kind: "operator",
    type: action,
    offset,
    id,
    ...(typeof reason === "string" && { reason }),
  };
}

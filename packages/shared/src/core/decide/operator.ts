import type { OperatorAction } from "../../contract/event-record.ts";
import { type Instance, type InstanceStatus, isEnded, statesOf } from "../../contract/instance.ts";
import type { Cause, Step } from "../../contract/journal-record.ts";
import { type Decision, ignored } from "../decision.ts";
import type { OperatorInput } from "../input.ts";

const becomes: Readonly<Record<OperatorAction, InstanceStatus>> = {
  pause: "paused",
  resume: "running",
  cancel: "cancelled",
};

/**
 * An operator pauses, resumes or cancels an instance. The machine does not hear of it: no exit action
 * runs. What does not apply to the instance as it is by now changes nothing.
 */
export function decideOperator(
  instance: Instance | undefined,
  input: OperatorInput,
  action: OperatorAction,
): Decision {
  const { at, offset, where } = input;
  if (instance === undefined || isEnded(instance)) return ignored("not-so");
  if (offset <= instance.in || instance.ids?.includes(input.id)) return ignored("repeat");
  const status = becomes[action];
  if (instance.status === status || !isLike(instance, where)) return ignored("not-so");
  const { timers, owed, ...rest } = instance;
  const after: Instance = {
    ...rest,
    // A cancelled machine wants nothing any more: what it still owes is not carried out.
    ...(action !== "cancel" && timers !== undefined && { timers }),
    ...(action !== "cancel" && owed !== undefined && { owed }),
    seq: instance.seq + 1,
    status,
    in: offset,
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

function isLike(instance: Instance, where: OperatorInput["where"]): boolean {
  if (where?.status !== undefined && where.status !== instance.status) return false;
  return where?.state === undefined || statesOf(instance.state).includes(where.state);
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

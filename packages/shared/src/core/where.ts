import type { Where } from "../contract/event-record.ts";
import { type Instance, statesOf } from "../contract/instance.ts";

/** Whether an instance is (still) what an act of an operator was meant for. */
export function isLike(instance: Instance, where: Where | undefined): boolean {
  if (where?.version !== undefined && where.version !== instance.version) return false;
  if (where?.status !== undefined && where.status !== instance.status) return false;
  return where?.state === undefined || statesOf(instance.state).includes(where.state);
}

import { type Instance, isEnded, nextDue, statesOf } from "@millrace/shared/contract/instance";
import type { Rejected } from "@millrace/shared/contract/journal-record";
import { encodePart } from "@millrace/shared/contract/names";
import type { Traceparent } from "@millrace/shared/contract/trace";
import type { InstanceIndex, StoredRejection } from "@millrace/shared/ports/state-store";

/** How instances and rejections go into the store: what they are looked up by. */

export function indexOf(instance: Instance): InstanceIndex {
  const ns = encodePart(instance.ns);
  const due = nextDue(instance);
  const things = thingsOf(instance).map((thing) => `${ns}/${encodePart(thing)}`);
  return {
    flow: `${ns}/${encodePart(instance.flow)}`,
    states: isEnded(instance) ? [] : statesOf(instance.state),
    status: instance.status,
    ...(things.length > 0 && { things }),
    ...(due !== undefined && { due }),
    parked: Object.values(instance.owed ?? {}).some(({ parked }) => parked !== undefined),
  };
}

function thingsOf({ thing, things = {} }: Instance): readonly string[] {
  return thing === undefined ? [...new Set(Object.values(things))] : [thing];
}

/** A `rejected` record: what it says, its value as it stands in the journal, and the trace of its header. */
export interface RejectedRecord {
  readonly rejected: Rejected;
  readonly json: string;
  readonly trace: Traceparent | undefined;
}

export function storedRejection(
  offset: number,
  { rejected, json, trace }: RejectedRecord,
): StoredRejection {
  const { at, ns, flow, key, code, cause } = rejected;
  return {
    offset,
    at,
    ns,
    code,
    json,
    ...(flow !== undefined && { flow }),
    ...(key !== undefined && { key }),
    ...(cause.thing !== undefined && { thing: cause.thing }),
    ...(trace !== undefined && { trace }),
  };
}

import { type Instance, isEnded } from "../../contract/instance.ts";
import { isJsonObject } from "../../contract/json.ts";
import type { Cause } from "../../contract/journal-record.ts";
import type { DeviceInput } from "../input.ts";
import type { MachineEvent } from "../machine-run.ts";
import { type Decision, ignored, reject, rejectPaused } from "../decision.ts";
import { type Change, transitionOn } from "../transition.ts";
import type { World } from "../world.ts";

/**
 * A device's event for its instance, which it begins where there is none and it may.
 *
 *   V1 an event with an id is taken once, while it is one of the last 16 of its instance, earlier
 *      generations included
 */
export function decideDeviceEvent(
  instance: Instance | undefined,
  input: DeviceInput,
  world: World,
): Decision {
  const { flow, to, at, type, payload, misfit } = input;
  if (instance !== undefined && input.offset <= instance.in) return ignored("repeat");
  const running = instance !== undefined && !isEnded(instance) ? instance : undefined;
  const cause = causeOf(input);
  const turn = { at, cause, to, payload };
  if (misfit !== undefined) return reject(turn, misfit.code, misfit.detail);
  if (isRepeat(instance, input)) return ignored("repeat");
  if (running === undefined && flow.starts?.has(type) === false) {
    const names = [...flow.starts].join(", ");
    return reject(
      turn,
      "no-instance",
      `there is no running instance, and only ${names} may begin one`,
    );
  }
  if (flow.strict && !flow.vocabulary.hears(type)) {
    return reject(
      turn,
      "unknown-event",
      `no state of ${flow.name} knows \`${type}\`, and it is strict`,
    );
  }
  if (running?.status === "paused") return rejectPaused(turn);
  return transitionOn(
    {
      flow,
      before: running,
      to,
      cause,
      event: eventOf(input),
      levels: input.levels,
      at,
      change: changeOf(instance, running, input, world),
      payload,
    },
    world,
  );
}

function causeOf(input: DeviceInput): Cause {
  const { type, offset, thing, client, topic, id } = input;
  return {
    kind: input.redrive === undefined ? "device" : "redrive",
    type,
    offset,
    thing,
    client,
    topic,
    ...(id !== undefined && { id }),
    ...(input.redrive !== undefined && { redrive: input.redrive }),
  };
}

/** By its own id; what is given again without one, by the rejection that it comes from. */
function idOf({ id, redrive }: DeviceInput): string | undefined {
  return id ?? (redrive && `redrive:${redrive}`);
}

function isRepeat(instance: Instance | undefined, input: DeviceInput): boolean {
  const id = idOf(input);
  return id !== undefined && instance?.ids?.includes(id) === true;
}

/** The payload's members, with the engine's own over them. */
function eventOf(input: DeviceInput): MachineEvent {
  const { payload, type, thing, originAt, at } = input;
  const own = { type, at: originAt ?? at, thing, payload };
  return isJsonObject(payload) ? { ...payload, ...own } : own;
}

function changeOf(
  last: Instance | undefined,
  running: Instance | undefined,
  input: DeviceInput,
  world: World,
): Change {
  const ids = last?.ids ?? [];
  const id = idOf(input);
  return {
    in: input.offset,
    ...(input.things !== undefined && { things: input.things }),
    ...(id !== undefined && { ids: [...ids, id].slice(-world.limits.eventIdsMax) }),
    ...(running === undefined && {
      generation: input.offset,
      ...(input.things === undefined && { thing: input.thing }),
      // What the last generation left owed is still to be carried out.
      ...(last?.owed && { owed: last.owed }),
    }),
  };
}

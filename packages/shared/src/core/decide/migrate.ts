import { type Instance, isEnded } from "../../contract/instance.ts";
import { isJsonObject } from "../../contract/json.ts";
import type { Cause, Step } from "../../contract/journal-record.ts";
import { type Decision, ignored, reject, rejectionOf } from "../decision.ts";
import type { OperatorInput } from "../input.ts";
import { mapState, migrated, type StateMap } from "../migration.ts";
import { isLike } from "../where.ts";
import type { World } from "../world.ts";

/**
 * An operator moves an instance to another version of its flow. The machine does not hear of it: nothing
 * is left and nothing is entered. An instance in a state that the version does not have stays as it is.
 */
export function decideMigrate(
  instance: Instance | undefined,
  input: OperatorInput,
  world: World,
): Decision {
  const { to, at, offset, id, payload, where } = input;
  if (instance === undefined || isEnded(instance)) return ignored("not-so");
  if (offset <= instance.in || instance.ids?.includes(id)) return ignored("repeat");
  if (!isLike(instance, where)) return ignored("not-so");
  const cause = causeOf(input, instance);
  const subject = { at, cause, to, payload };
  const wanted = wantedOf(payload);
  if (wanted === undefined) {
    const detail = "the value of a migration is {to: a version, map: names of states by names}";
    return reject(subject, "malformed-record", detail);
  }
  if (wanted.to === instance.version) return ignored("not-so");
  const flow = world.flow(wanted.to);
  if (flow === undefined || flow.name !== instance.flow || flow.ns !== instance.ns) {
    const detail = `${instance.flow} has no version ${wanted.to} in the registry`;
    return reject(subject, "unknown-version", detail);
  }
  const mapped = mapState(flow, instance.state, wanted.map);
  if ("missing" in mapped) {
    const detail = `version ${flow.version} has no state \`${mapped.missing}\`, and it is not mapped to one`;
    return reject(subject, "unknown-state", detail);
  }
  try {
    const { state } = mapped;
    const moved = migrated(instance, flow, { state, map: wanted.map, at }, world);
    const after: Instance = {
      ...moved,
      seq: instance.seq + 1,
      in: offset,
      ids: [...(instance.ids ?? []), id].slice(-world.limits.eventIdsMax),
      updatedAt: at,
    };
    const step: Step = { at, cause, from: instance.state, effects: [], instance: after };
    return { kind: "step", step, json: JSON.stringify(step), instanceJson: JSON.stringify(after) };
  } catch (error) {
    return rejectionOf(error, subject);
  }
}

function wantedOf(
  payload: OperatorInput["payload"],
): { readonly to: string; readonly map: StateMap } | undefined {
  const { to, map = {} } = payload;
  if (typeof to !== "string" || !isJsonObject(map)) return undefined;
  if (Object.values(map).some((name) => typeof name !== "string")) return undefined;
  return { to, map: map as StateMap };
}

function causeOf({ offset, id, payload }: OperatorInput, { version }: Instance): Cause {
  const { reason } = payload;
  return {
    kind: "operator",
    type: "migrate",
    offset,
    id,
    version,
    ...(typeof reason === "string" && { reason }),
  };
}

import type { Instance } from "../../contract/instance.ts";
import type { JsonObject } from "../../contract/json.ts";
import type { ParkedInput } from "../input.ts";
import { type Decision, ignored } from "../decision.ts";
import { transitionOn } from "../transition.ts";
import type { World } from "../world.ts";
import { owedKey } from "./result.ts";

/**
 * The dispatcher puts an effect aside: from here on the instance owes it, with all that is needed to
 * carry it out from the store alone, so that the dispatcher may move on.
 *
 * An effect that the flow waits for and that is no longer owed has been settled meanwhile. What is put
 * aside may fill half of an instance: the rest is for events, and the dispatcher asks again later.
 */
export function decideParked(
  instance: Instance | undefined,
  input: ParkedInput,
  world: World,
): Decision {
  const { to, at, effectId, effect, offset, trace } = input;
  const key = owedKey(effectId);
  if (instance === undefined || key === undefined) return ignored("outcome-not-awaited");
  if (effect.kind !== "command" && effect.kind !== "call") return ignored("outcome-not-awaited");
  const owed = instance.owed?.[key];
  if (owed?.parked !== undefined) return ignored("repeat");
  if (owed === undefined && effect.owed) return ignored("outcome-not-awaited");
  const flow = world.flow(instance.version);
  if (flow === undefined) return ignored("unknown-version");
  const parked = {
    ...(owed ?? { kind: effect.kind, name: effect.name }),
    ...(effect.kind === "command" &&
      effect.deadline !== undefined && { deadline: effect.deadline }),
    parked: effect as unknown as JsonObject,
    ...(trace !== undefined && { trace }),
  };
  const nowOwed = { ...instance.owed, [key]: parked };
  if (!hasRoom(instance, nowOwed, world.limits.contextBytesMax)) return ignored("no-room");
  return transitionOn(
    {
      flow,
      before: instance,
      to,
      cause: { kind: "result", type: "parked", effect: effectId, offset },
      event: undefined,
      levels: [],
      at,
      change: { owed: nowOwed },
      payload: effect as unknown as JsonObject,
    },
    world,
  );
}

function hasRoom({ context }: Instance, owed: object, bytesMax: number): boolean {
  const owedBytes = Buffer.byteLength(JSON.stringify(owed));
  return (
    owedBytes <= bytesMax / 2 &&
    owedBytes + Buffer.byteLength(JSON.stringify(context)) <= bytesMax - 100
  );
}

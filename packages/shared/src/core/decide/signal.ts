import { type Instance, isEnded } from "../../contract/instance.ts";
import type { Cause } from "../../contract/journal-record.ts";
import type { Flow } from "../../flow/flow.ts";
import type { SignalInput } from "../input.ts";
import { type Decision, ignored, reject, rejectPaused } from "../decision.ts";
import { transitionOn } from "../transition.ts";
import { isLike } from "../where.ts";
import type { World } from "../world.ts";

/**
 * An event for one instance. Only what another instance sends may begin one; what was meant for an
 * instance that was like this or that changes nothing where it is so no more.
 *
 *   N1 a signal is applied once by its id, while it is one of the last 16 of its instance, earlier
 *      generations included
 */
export function decideSignal(
  instance: Instance | undefined,
  input: SignalInput,
  world: World,
): Decision {
  const { to, at, type, payload } = input;
  if (instance !== undefined && input.offset <= instance.in) return ignored("repeat");
  const running = instance !== undefined && !isEnded(instance) ? instance : undefined;
  const cause = causeOf(input);
  const turn = { at, cause, to, payload };
  if (type.startsWith("xstate.")) {
    return reject(turn, "unknown-event", "events named `xstate.…` are the machine's own");
  }
  if (instance?.ids?.includes(input.id)) return ignored("repeat");
  if (input.where !== undefined && (running === undefined || !isLike(running, input.where)))
    return ignored("not-so");
  const flow = running === undefined ? flowToBegin(input, world) : world.flow(running.version);
  if (flow === undefined) {
    if (running === undefined) return reject(turn, "no-instance", "there is no running instance");
    return reject(
      turn,
      "unknown-version",
      `flow version ${running.version} is not in the registry`,
    );
  }
  const things = running === undefined && flow.roles ? world.bindings(to) : undefined;
  if (running === undefined && flow.roles && things === undefined) {
    return reject(turn, "no-instance", `there is no deployment \`${to.key}\` of ${flow.name}`);
  }
  if (flow.strict && !flow.vocabulary.hears(type)) {
    return reject(
      turn,
      "unknown-event",
      `no state of ${flow.name} knows \`${type}\`, and it is strict`,
    );
  }
  if (running?.status === "paused") return rejectPaused(turn);
  const ids = [...(instance?.ids ?? []), input.id].slice(-world.limits.eventIdsMax);
  return transitionOn(
    {
      flow,
      before: running,
      to,
      cause,
      event: { ...payload, type, at, payload },
      levels: [],
      at,
      change: {
        in: input.offset,
        ids,
        ...(running === undefined && {
          generation: input.offset,
          ...(things && { things }),
          ...(instance?.owed && { owed: instance.owed }),
        }),
      },
      payload,
    },
    world,
  );
}

function flowToBegin(input: SignalInput, world: World): Flow | undefined {
  if (input.effect === undefined) return undefined;
  const flow = world.current(input.to.ns, input.to.flow);
  return flow?.starts?.has(input.type) === false ? undefined : flow;
}

function causeOf(input: SignalInput): Cause {
  const { type, offset, id, effect, redrive } = input;
  return {
    kind: redrive === undefined ? "signal" : "redrive",
    type,
    offset,
    id,
    ...(effect !== undefined && { effect }),
    ...(redrive !== undefined && { redrive }),
  };
}

import type { CallError } from "../../contract/call-result.ts";
import type { Instance, Owed } from "../../contract/instance.ts";
import { parseEffectId } from "../../contract/names.ts";
import type { ResultInput } from "../input.ts";
import type { MachineEvent } from "../machine-run.ts";
import { type Decision, ignored, reject, rejectPaused } from "../decision.ts";
import { transitionOn } from "../transition.ts";
import type { World } from "../world.ts";

/**
 * How an effect ended. The first result of an effect still owed counts.
 *
 * Results come twice as a matter of course, so one that nobody waits for is ignored, not rejected;
 * but a command that failed without anybody waiting for it is shown to operators.
 */
export function decideResult(
  instance: Instance | undefined,
  input: ResultInput,
  world: World,
): Decision {
  const { to, at, outcome, payload } = input;
  const turn = { at, cause: causeOf(input, outcome), to, payload };
  if (instance === undefined) return ignored("outcome-not-awaited");
  const key = owedKey(input.effect);
  const owed = key === undefined ? undefined : instance.owed?.[key];
  if (owed === undefined || key === undefined) {
    if (outcome !== "refused" || input.again || input.offset <= instance.in)
      return ignored("outcome-not-awaited");
    return reject(
      turn,
      "effect-failed",
      `effect ${input.effect} was refused, and nothing waits for it`,
    );
  }
  if (instance.status === "paused") return rejectPaused(turn);
  const decision = settle(instance, key, owed, input, world);
  return decision.kind === "rejected"
    ? settleAnyway(instance, key, owed, input, decision, world)
    : decision;
}

/**
 * A result that the machine cannot take. It will not come again, so the effect is no longer owed; and
 * an answer to a call is an error to a state that waits for it, which would wait for ever otherwise.
 */
function settleAnyway(
  instance: Instance,
  key: string,
  owed: Owed,
  input: ResultInput,
  { rejected }: Extract<Decision, { readonly kind: "rejected" }>,
  world: World,
): Decision {
  const { code, detail } = rejected;
  if (code === "unknown-version") return { kind: "rejected", rejected };
  if (owed.invoke !== undefined && input.outcome === "done") {
    const message = `the answer cannot be taken: ${code}: ${detail}`;
    const error: CallError = { reason: "rejected", message };
    const failed = settle(
      instance,
      key,
      owed,
      { ...input, outcome: "error", payload: { error } },
      world,
    );
    if (failed.kind !== "rejected") return failed;
  }
  const { [key]: _settled, ...rest } = instance.owed ?? {};
  return { kind: "rejected", rejected: { ...rejected, instance: { ...instance, owed: rest } } };
}

/** Takes an owed effect out of the instance and tells the machine how it ended. */
export function settle(
  instance: Instance,
  key: string,
  owed: Owed,
  input: Pick<ResultInput, "to" | "at" | "outcome" | "payload" | "effect"> & { offset?: number },
  world: World,
): Decision {
  const { to, at, outcome, payload } = input;
  const event = resultEvent(owed, outcome, input);
  const cause = causeOf(input, event.type);
  const flow = world.flow(instance.version);
  if (flow === undefined) {
    const detail = `flow version ${instance.version} is not in the registry`;
    return reject({ at, cause, to, payload }, "unknown-version", detail);
  }
  const { [key]: _settled, ...rest } = instance.owed ?? {};
  // An answer to a call of an earlier generation is not what this one asked for.
  const isOfBefore = owed.kind === "call" && !key.startsWith(`${instance.generation}/`);
  const heard =
    owed.invoke !== undefined || (!isOfBefore && flow.vocabulary.hearsByName(event.type));
  return transitionOn(
    {
      flow,
      before: instance,
      to,
      cause,
      event: heard ? event : undefined,
      levels: [],
      at,
      change: { owed: rest },
      payload,
    },
    world,
  );
}

function resultEvent(
  owed: Owed,
  outcome: ResultInput["outcome"],
  { at, payload, effect }: Pick<ResultInput, "at" | "payload" | "effect">,
): MachineEvent {
  if (owed.invoke === undefined) {
    return { ...payload, type: `${outcome}.${owed.name}`, at, effect, payload };
  }
  const actorId = owed.invoke;
  return outcome === "done"
    ? { type: `xstate.done.actor.${actorId}`, output: payload["output"] ?? null, actorId, at }
    : { type: `xstate.error.actor.${actorId}`, error: payload["error"] ?? null, actorId, at };
}

function causeOf(input: { effect: string; offset?: number }, type: string) {
  const { effect, offset } = input;
  return { kind: "result", type, effect, ...(offset !== undefined && { offset }) } as const;
}

/** The key of an effect among what an instance owes: the last three parts of its id. */
export function owedKey(effectId: string): string | undefined {
  const ref = parseEffectId(effectId);
  return ref === undefined ? undefined : `${ref.generation}/${ref.seq}/${ref.index}`;
}

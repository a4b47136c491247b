import type { CallError } from "../contract/call-result.ts";
import type { CommandEffect, Effect, Verdict } from "../contract/effect.ts";
import {
  type Bindings,
  type Instance,
  type Owed,
  rebinds,
  type Timer,
} from "../contract/instance.ts";
import type { Json } from "../contract/json.ts";
import type { Cause, Step } from "../contract/journal-record.ts";
import type { InstanceRef } from "../contract/names.ts";
import type { EpochMs } from "../contract/time.ts";
import type { EffectDraft } from "../flow/actions.ts";
import type { Flow } from "../flow/flow.ts";
import { type Decision, ignored, Refusal, rejectionOf } from "./decision.ts";
import {
  type Action,
  activeIds,
  begin,
  historyIds,
  keepSnapshot,
  type MachineEvent,
  plainJson,
  restore,
  type Snapshot,
  take,
} from "./machine-run.ts";
import { cancelTimer, setTimer } from "./timers.ts";
import type { World } from "./world.ts";

/** Everything that one transition is about. */
export interface Turn {
  readonly flow: Flow;
  /** undefined where the input begins a new instance. */
  readonly before: Instance | undefined;
  readonly to: InstanceRef;
  readonly cause: Cause;
  /** undefined where only what is owed changes, and the machine is not to hear of it. */
  readonly event: MachineEvent | undefined;
  readonly levels: readonly string[];
  readonly at: EpochMs;
  /** What of the instance this input changes, whatever the machine does. */
  readonly change: Change;
  /** The input's payload, for a rejection. */
  readonly payload: Json;
}

export interface Change {
  readonly in?: number;
  readonly ids?: readonly string[];
  readonly thing?: string;
  readonly things?: Bindings;
  /** Generation of a new instance. */
  readonly generation?: number;
  readonly timers?: readonly Timer[];
  readonly owed?: Readonly<Record<string, Owed>>;
}

/** Lets the machine take the event, and writes down what came of it. Never throws for an input's sake. */
export function transitionOn(turn: Turn, world: World): Decision {
  try {
    return new Transition(turn, world).run();
  } catch (error) {
    return rejectionOf(error, turn);
  }
}

/** `denied.<name>` events may ask for effects that are denied in turn. */
const DENIED_ROUNDS_MAX = 10;

class Transition {
  readonly #turn: Turn;
  readonly #world: World;
  readonly #generation: number;
  readonly #seq: number;
  readonly #effects: Effect[] = [];
  /** Invocations whose call was denied, by XState's id: they wait for an answer like any other. */
  readonly #denied = new Set<string>();
  #timers: Timer[];
  #owed: Record<string, Owed>;

  constructor(turn: Turn, world: World) {
    this.#turn = turn;
    this.#world = world;
    const { before, change } = turn;
    this.#generation = before?.generation ?? change.generation ?? 0;
    this.#seq = (before?.seq ?? 0) + 1;
    this.#timers = [...(change.timers ?? before?.timers ?? [])];
    this.#owed = { ...(change.owed ?? before?.owed) };
  }

  run(): Decision {
    const { flow, before, event, change } = this.#turn;
    this.#prepareScope();
    let snapshot: Snapshot;
    if (before === undefined) {
      const begun = begin(flow);
      this.#gather(begun.actions);
      snapshot = begun.snapshot;
    } else snapshot = restore(flow, before);
    const hears = event !== undefined && snapshot.status === "active";
    const moved = hears ? take(flow, snapshot, event) : { snapshot, actions: [] };
    const unmoved = moved.snapshot === snapshot && moved.actions.length === 0;
    const settles = change.timers !== undefined || change.owed !== undefined;
    // Timers and results will need the bindings that came last.
    const changes = settles || rebinds(before?.things, change.things) || flow.journalAll;
    if (unmoved && before !== undefined && !changes) {
      return ignored("no-transition");
    }
    this.#gather(moved.actions);
    return this.#conclude(this.#tellDenials(moved.snapshot));
  }

  #prepareScope(): void {
    const { flow, before, to, event, levels, at, change } = this.#turn;
    const thing = before?.thing ?? change.thing;
    const things = change.things ?? before?.things;
    prepareScope(flow, { to, thing, things, event, levels, at }, this.#world);
  }

  #gather(actions: readonly Action[]): void {
    for (const action of actions) {
      switch (action.type) {
        case "millrace.effect":
          this.#addEffect(action.params);
          break;
        case "xstate.raise":
          this.#setTimer(action.params);
          break;
        case "xstate.cancel":
          this.#timers = cancelTimer(this.#timers, action.params.sendId);
          break;
        case "xstate.spawnChild": {
          const { id, input } = action.params;
          // Entered anew without having been left: the invocation before is nobody's any more.
          this.#forgetInvoked(id);
          this.#addEffect({
            kind: "call",
            name: id,
            invoke: id,
            ...(input as object),
          } as EffectDraft);
          break;
        }
        case "xstate.stopChild":
          if (action.params !== undefined) this.#forgetInvoked(action.params.id);
          break;
      }
    }
  }

  #setTimer(params: (Action & { type: "xstate.raise" })["params"]): void {
    const { event, delay } = params;
    if (typeof delay !== "number") return; // raised at once: XState has taken it already
    const seq = this.#seq;
    const id = params.id ?? `raise.${seq}.${this.#timers.length}`;
    const due = this.#turn.at + delay;
    const bare = Object.keys(event).length === 1 && event.type === id;
    this.#timers = setTimer(this.#timers, { id, due, seq, ...(bare ? {} : { event }) });
  }

  #forgetInvoked(invoke: string): void {
    this.#denied.delete(invoke);
    for (const [key, owed] of Object.entries(this.#owed)) {
      if (owed.invoke === invoke) delete this.#owed[key];
    }
  }

  #addEffect(draft: EffectDraft): void {
    const index = this.#effects.length;
    const max = this.#world.limits.effectsMax;
    if (index >= max) throw new Refusal("too-many-effects", `a step has at most ${max} effects`);
    const verdict = this.#verdict(draft);
    const effect = this.#finish(draft, index, verdict);
    this.#effects.push(effect);
    if (verdict.allow && "owed" in effect && effect.owed) this.#owe(effect);
    if (!verdict.allow && effect.kind === "call" && effect.invoke !== undefined)
      this.#denied.add(effect.invoke);
  }

  #finish(draft: EffectDraft, index: number, verdict: Verdict): Effect {
    if (draft.kind === "command") {
      const { expiresMs, ...command } = draft;
      const deadline = expiresMs === undefined ? {} : { deadline: this.#turn.at + expiresMs };
      return { ...command, index, ...deadline, verdict };
    }
    if (draft.kind === "call") return { ...draft, index, owed: true, verdict };
    return { ...draft, index, verdict };
  }

  #owe(effect: CommandEffect | Extract<Effect, { kind: "call" }>): void {
    const { kind, name, index } = effect;
    this.#owed[`${this.#generation}/${this.#seq}/${index}`] = {
      kind,
      name,
      ...(effect.kind === "command" &&
        effect.deadline !== undefined && { deadline: effect.deadline }),
      ...(effect.kind === "call" && effect.invoke !== undefined && { invoke: effect.invoke }),
    };
  }

  #verdict(draft: EffectDraft): Verdict {
    const { to } = this.#turn;
    const [action, resource] = actionOf(draft);
    const role = { kind: "flow", ns: to.ns, name: to.flow } as const;
    return this.#world.authorize(role, action, resource, { key: to.key });
  }

  /** A denial is an input that the flow may handle; where it does, it is part of this same step. */
  #tellDenials(snapshot: Snapshot): Snapshot {
    const { flow } = this.#turn;
    let told = 0;
    let now = snapshot;
    for (let i = 0; i < this.#effects.length; i++) {
      const effect = this.#effects[i] as Effect;
      if (effect.verdict.allow || now.status !== "active") continue;
      const event = this.#denialOf(effect);
      if (event === undefined) continue;
      if (++told > DENIED_ROUNDS_MAX)
        throw new Refusal("microsteps", "denials answered by denials");
      const moved = take(flow, now, event);
      this.#gather(moved.actions);
      now = moved.snapshot;
    }
    return now;
  }

  /** An invocation is answered with an error, whether the flow has a word for it or not. */
  #denialOf(effect: Effect): MachineEvent | undefined {
    const { flow, at } = this.#turn;
    const { by } = effect.verdict;
    if (effect.kind === "call" && effect.invoke !== undefined) {
      const actorId = effect.invoke;
      if (!this.#denied.delete(actorId)) return undefined; // left meanwhile
      const error: CallError = { reason: "denied", message: `denied by ${by}`, attempts: 0 };
      return { type: `xstate.error.actor.${actorId}`, actorId, error, at };
    }
    const type = `denied.${"name" in effect ? effect.name : effect.kind}`;
    return flow.vocabulary.hearsByName(type) ? { type, at, by } : undefined;
  }

  #conclude(snapshot: Snapshot): Decision {
    const { flow, before, to, cause, at, change } = this.#turn;
    const status = statusOf(snapshot, before);
    const ended = status === "done" || status === "failed";
    const owed = ended ? stillOwed(this.#owed) : this.#owed;
    const timers = ended ? [] : this.#timers;
    const active = activeIds(snapshot);
    const history = historyIds(snapshot);
    const thing = before?.thing ?? change.thing;
    const things = change.things ?? before?.things;
    const ids = change.ids ?? before?.ids;
    const instance: Instance = {
      ns: to.ns,
      flow: to.flow,
      key: to.key,
      version: flow.version,
      generation: this.#generation,
      seq: this.#seq,
      status,
      state: snapshot.value,
      context: snapshot.context,
      ...(active && { active }),
      ...(history && { history }),
      ...(timers.length > 0 && { timers }),
      ...(Object.keys(owed).length > 0 && { owed }),
      ...(status === "done" &&
        snapshot.output !== undefined && { output: plainJson(snapshot.output) }),
      ...(status === "failed" && { error: plainJson(snapshot.error) }),
      ...(thing !== undefined && { thing }),
      ...(things !== undefined && { things }),
      in: change.in ?? before?.in ?? -1,
      ...(ids && ids.length > 0 && { ids }),
      startedAt: before?.startedAt ?? at,
      updatedAt: at,
    };
    const instanceJson = JSON.stringify(instance);
    this.#checkSize(instance, instanceJson);
    keepSnapshot(instance, snapshot);
    const step: Step = { at, cause, from: before?.state ?? null, effects: this.#effects, instance };
    return { kind: "step", step, json: this.#encode(step, instanceJson), instanceJson };
  }

  /** The same text as JSON.stringify(step), without encoding the instance twice. */
  #encode(step: Step, instanceJson: string): string {
    const { instance: _instance, ...rest } = step;
    const json = `${JSON.stringify(rest).slice(0, -1)},"instance":${instanceJson}}`;
    const max = this.#world.limits.stepBytesMax;
    if (json.length * 3 <= max) return json;
    const bytes = Buffer.byteLength(json);
    if (bytes <= max) return json;
    throw new Refusal("step-too-big", `the step would be ${bytes} bytes; ${max} is the most`);
  }

  #checkSize(instance: Instance, json: string): void {
    const max = this.#world.limits.contextBytesMax;
    if (json.length * 3 <= max) return; // no text of this length can be longer in UTF-8
    const { context, owed } = instance;
    const bytes = Buffer.byteLength(JSON.stringify({ context, owed }));
    if (bytes <= max) return;
    const detail = `context and owed effects would be ${bytes} bytes; ${max} is the most`;
    throw new Refusal("context-too-big", detail);
  }
}

/** What the expressions of a machine are to see. */
export function prepareScope(
  { scope, roles }: Flow,
  { to, thing = to.key, things = {}, event, levels, at }: Seen,
  world: World,
): void {
  scope.thing = world.thing(to.ns, thing);
  if (roles !== undefined) {
    const bound = Object.entries(things);
    scope.roles = Object.fromEntries(bound.map(([role, name]) => [role, world.thing(to.ns, name)]));
  }
  scope.key = to.key;
  scope.start = event ?? {};
  scope.topic = levels;
  scope.now = at;
  scope.budget.renew();
}

interface Seen extends Pick<Turn, "to" | "event" | "levels" | "at"> {
  readonly thing: string | undefined;
  readonly things: Bindings | undefined;
}

function statusOf(snapshot: Snapshot, before: Instance | undefined): Instance["status"] {
  if (snapshot.status === "done") return "done";
  if (snapshot.status === "error") return "failed";
  return before?.status ?? "running";
}

/**
 * What an instance owes after its end. It hears of nothing any more; but a call that an action asked for
 * must still be made, and what is parked be carried out. (Its invocations XState has stopped.)
 */
function stillOwed(owed: Readonly<Record<string, Owed>>): Record<string, Owed> {
  const entries = Object.entries(owed).filter(
    ([, { kind, parked }]) => kind === "call" || parked !== undefined,
  );
  return Object.fromEntries(entries);
}

/** The action and the resource that a policy is asked about. */
function actionOf(draft: EffectDraft): [action: string, resource: string] {
  switch (draft.kind) {
    case "command":
      return ["iot:Publish", `topic/${draft.topic}`];
    case "call":
      return ["millrace:Call", draft.url];
    case "publish":
      return ["millrace:Publish", `log/${draft.topic}`];
    case "send":
      return ["millrace:Send", `instance/${draft.flow}/${draft.key}`];
    case "log":
      return ["millrace:Log", "log"];
  }
}

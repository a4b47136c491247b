import {
  type AnyStateMachine,
  and,
  assign,
  cancel,
  createMachine,
  not,
  or,
  raise,
  stateIn,
} from "xstate";
import type { Json, JsonObject } from "../contract/json.ts";
import { parseDurationMs } from "../contract/time.ts";
import { compileEffect, type FlowCommand } from "./actions.ts";
import { compileCall, compileDuration } from "./call-request.ts";
import { compileEventType, OWN_TYPES, ROUTE } from "./event-type.ts";
import { compileExpression, type Scope, type Visible } from "./expression.ts";
import { ExpressionError, within } from "./expression-error.ts";
import type { Faults, Path } from "./fault.ts";
import {
  type ActionConfig,
  type Actions,
  type GuardConfig,
  type InvokeConfig,
  listOf,
  type MachineConfig,
  type StateConfig,
  type TransitionConfig,
  type Transitions,
} from "./machine-config.ts";
import { durationForms } from "./schema.ts";
import { compileAssigned, compileText, compileValue } from "./template.ts";

/**
 * A flow's machine as an XState machine, its expressions compiled.
 *
 * Actions other than XState's own come back from a transition as `{type: "millrace.effect", params}`,
 * an EffectDraft with everything worked out. Nothing here runs an effect.
 */

/** What the machine's expressions see; `decide` fills it in before each transition. */
export interface MachineScope extends Scope {
  /** The event that begins an instance: what entry actions see, where XState has only `xstate.init`. */
  start: JsonObject;
}

/** What a guard or an action costs besides its expressions. */
const ACTION_UNITS = 20;
/** To work out an effect is not dear, but all that a machine asks for are held until they are counted. */
const EFFECT_UNITS = 100;

interface Args {
  readonly context: JsonObject;
  readonly event: JsonObject;
}

type XStateConfig = Record<string, unknown>;

/** XState's `createMachine`, told what it needs to know about a config made at run time. */
const create = createMachine as unknown as (
  config: XStateConfig,
  implementations: Record<string, unknown>,
) => AnyStateMachine;

/** An inert stand-in for HTTP calls: XState asks for one before it tells us to make the call. */
const callLogic = {
  transition: (snapshot: unknown) => snapshot,
  getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot: unknown) => snapshot,
};

export interface MachineOptions {
  readonly name: string;
  readonly microstepsMax: number;
  readonly commands: ReadonlyMap<string, FlowCommand>;
  readonly scope: MachineScope;
  readonly visible: Visible;
}

/** @returns undefined when something in it cannot be compiled; `faults` then says what */
export function compileMachine(
  machine: MachineConfig,
  options: MachineOptions,
  faults: Faults,
): AnyStateMachine | undefined {
  const compiler = new MachineCompiler(options, faults);
  const config = compiler.root(machine);
  if (faults.failed) return undefined;
  try {
    return create(config, { actors: { call: callLogic }, delays: compiler.delays });
  } catch (error) {
    faults.error("xstate", ["machine"], error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

class MachineCompiler {
  readonly delays: Record<string, (args: Args) => number> = {};
  readonly #options: MachineOptions;
  readonly #faults: Faults;

  constructor(options: MachineOptions, faults: Faults) {
    this.#options = options;
    this.#faults = faults;
  }

  root(machine: MachineConfig): XStateConfig {
    const context = this.#try(["machine", "context"], () =>
      compileValue(machine.context ?? {}, this.#options.visible),
    );
    const at = this.#scoped;
    return {
      ...this.#state(machine, ["machine"]),
      id: machine.id ?? this.#options.name,
      ...(machine.version === undefined ? {} : { version: machine.version }),
      context: context?.constant ?? (() => context?.(at({ context: {}, event: initEvent })) ?? {}),
      options: { maxIterations: this.#options.microstepsMax },
    };
  }

  #state(config: StateConfig, path: Path): XStateConfig {
    const inner = (name: string): Path => [...path, name];
    const compiled: XStateConfig = {
      ...pick(config, ["id", "description", "type", "history", "target", "tags", "meta"]),
      ...(config.entry && { entry: this.#actions(config.entry, inner("entry")) }),
      ...(config.exit && { exit: this.#actions(config.exit, inner("exit")) }),
      ...(config.always && { always: this.#transitions(config.always, inner("always")) }),
      ...(config.onDone && { onDone: this.#transitions(config.onDone, inner("onDone")) }),
    };
    if (config.initial !== undefined) compiled["initial"] = this.#initial(config.initial, path);
    if (config.on !== undefined) compiled["on"] = this.#on(config.on, inner("on"));
    if (config.after !== undefined) compiled["after"] = this.#after(config.after, inner("after"));
    if (config.output !== undefined) compiled["output"] = this.#output(config, inner("output"));
    if (config.invoke !== undefined) {
      compiled["invoke"] = listOf(config.invoke).map((invoke, i) =>
        this.#invoke(
          invoke,
          Array.isArray(config.invoke) ? [...path, "invoke", i] : inner("invoke"),
        ),
      );
    }
    if (config.route !== undefined) {
      compiled["route"] = this.#transition(config.route, inner("route"));
    }
    if (config.states !== undefined) {
      compiled["states"] = mapEntries(config.states, (state, name) =>
        this.#state(state, [...path, "states", name]),
      );
    }
    return compiled;
  }

  #initial(initial: NonNullable<StateConfig["initial"]>, path: Path): unknown {
    if (typeof initial === "string") return initial;
    const actions = this.#actions(initial.actions, [...path, "initial", "actions"]);
    return { target: initial.target, actions };
  }

  #on(on: Readonly<Record<string, Transitions>>, path: Path): XStateConfig {
    return mapEntries(on, (transitions, type) => this.#transitions(transitions, [...path, type]));
  }

  /** Delays become milliseconds; an expression becomes a named delay, worked out on entry. */
  #after(after: Readonly<Record<string, Transitions>>, path: Path): XStateConfig {
    const compiled: XStateConfig = {};
    for (const [delay, transitions] of Object.entries(after)) {
      const at = [...path, delay];
      const ms = parseDurationMs(delay);
      if (ms === undefined && !delay.includes("${")) {
        this.#faults.error("duration", at, `\`${delay}\` is not a duration: ${durationForms}`);
        continue;
      }
      const name = ms === undefined ? delay : String(ms);
      if (ms === undefined) {
        const duration = this.#try(at, () => compileDuration(delay, this.#options.visible));
        if (duration) this.delays[name] = (args) => duration(this.#scoped(args));
      }
      if (name in compiled) {
        this.#faults.error(
          "duration",
          at,
          `\`${delay}\` is there twice; write one list of transitions`,
        );
      }
      compiled[name] = this.#transitions(transitions, at);
    }
    return compiled;
  }

  #output(config: StateConfig, path: Path): unknown {
    const output = this.#try(path, () =>
      compileValue(config.output ?? null, this.#options.visible),
    );
    return (args: Args) => output?.(this.#scoped(args));
  }

  #invoke(invoke: InvokeConfig, path: Path): XStateConfig {
    const input = [...path, "input"];
    const request = this.#try(input, () => compileCall(invoke.input, this.#options.visible));
    return {
      src: "call",
      ...(invoke.id === undefined ? {} : { id: invoke.id }),
      input: (args: Args) => request?.(this.#scoped(args)),
      ...(invoke.onDone && { onDone: this.#transitions(invoke.onDone, [...path, "onDone"]) }),
      ...(invoke.onError && { onError: this.#transitions(invoke.onError, [...path, "onError"]) }),
    };
  }

  #transitions(transitions: Transitions, path: Path): unknown {
    if (transitions === null) return {};
    if (typeof transitions === "string") return transitions;
    if (!Array.isArray(transitions)) return this.#transition(transitions as TransitionConfig, path);
    return (transitions as readonly (string | TransitionConfig)[]).map((one, i) =>
      typeof one === "string" ? { target: one } : this.#transition(one, [...path, i]),
    );
  }

  #transition(config: TransitionConfig, path: Path): XStateConfig {
    return {
      ...pick(config, ["target", "reenter", "description", "meta"]),
      ...(config.guard !== undefined && { guard: this.#guard(config.guard, [...path, "guard"]) }),
      ...(config.actions && { actions: this.#actions(config.actions, [...path, "actions"]) }),
    };
  }

  #guard(guard: GuardConfig, path: Path): unknown {
    if (typeof guard === "string") return this.#expressionGuard(guard, path);
    if ("and" in guard)
      return and(guard.and.map((g, i) => this.#guard(g, [...path, "and", i])) as never);
    if ("or" in guard)
      return or(guard.or.map((g, i) => this.#guard(g, [...path, "or", i])) as never);
    if ("not" in guard) return not(this.#guard(guard.not, [...path, "not"]) as never);
    return stateIn(guard.in as never);
  }

  #expressionGuard(source: string, path: Path): unknown {
    const expression = this.#try(path, () => compileExpression(source, this.#options.visible));
    if (expression && expression.type !== "bool" && expression.type !== "dyn") {
      this.#faults.error(
        "expression",
        path,
        `a guard is true or false; \`${source}\` is a ${expression.type}`,
      );
    }
    return (args: Args) => {
      const value = expression?.(this.#scoped(args));
      if (typeof value === "boolean") return value;
      throw new ExpressionError(
        `guard \`${source}\` gave ${JSON.stringify(value)}, not true or false`,
      );
    };
  }

  #actions(actions: Actions | undefined, path: Path): unknown[] {
    return listOf(actions).map((action, i) =>
      this.#action(action, Array.isArray(actions) ? [...path, i] : path),
    );
  }

  #action(action: ActionConfig, path: Path): unknown {
    const scoped = this.#scoped;
    if ("assign" in action) {
      const values = this.#assigned(action["assign"] as JsonObject, path);
      return assign(((args: Args) => values(scoped(args))) as never);
    }
    if ("raise" in action) return this.#raise(action, path);
    if ("cancel" in action) {
      const id = this.#try(path, () =>
        compileText(String(action["cancel"]), this.#options.visible),
      );
      return cancel(((args: Args) => id?.(scoped(args))) as never);
    }
    const effect = this.#try(path, () => compileEffect(action, this.#options));
    const params = (args: Args) => {
      const scope = scoped(args);
      scope.budget.spend(EFFECT_UNITS);
      return effect?.(scope);
    };
    return { type: "millrace.effect", params };
  }

  #assigned(values: JsonObject, path: Path): (scope: Scope) => JsonObject {
    const members = Object.entries(values).map(([name, value]) => {
      const at = [...path, "assign", name];
      return [
        name,
        this.#try(at, () => compileAssigned(value, this.#options.visible), quoteHint(value)),
      ] as const;
    });
    return (scope) => {
      scope.budget.spend(Object.keys(scope.context).length / 4); // XState copies the context
      return Object.fromEntries(
        members.map(([name, template]) => [name, template?.(scope) ?? null]),
      );
    };
  }

  #raise(action: ActionConfig, path: Path): unknown {
    const written = action["raise"] as string | JsonObject;
    const event = this.#try([...path, "raise"], () =>
      compileRaised(written, this.#options.visible),
    );
    this.#checkRaiseId(action["id"], [...path, "id"]);
    const delay = action["delay"] as string | number | undefined;
    const duration =
      delay === undefined
        ? undefined
        : this.#try([...path, "delay"], () => compileDuration(delay, this.#options.visible));
    return raise(((args: Args) => event?.(this.#scoped(args))) as never, {
      ...(action["id"] === undefined ? {} : { id: String(action["id"]) }),
      ...(duration && { delay: ((args: Args) => duration(this.#scoped(args))) as never }),
    });
  }

  /** Under a name of XState's own, it would take the place of another timer. */
  #checkRaiseId(id: Json | undefined, path: Path): void {
    if (typeof id !== "string" || !id.startsWith(OWN_TYPES)) return;
    const message = `\`${id}\`: ids that begin with \`${OWN_TYPES}\` are the machine's own`;
    this.#faults.error("reserved", path, message);
  }

  /** The scope with this moment's event and context in it; reused, for a transition is one at a time. */
  readonly #scoped = (args: Args): Scope => {
    const { scope } = this.#options;
    scope.event = args.event["type"] === initEvent.type ? scope.start : args.event;
    scope.context = args.context;
    scope.budget.spend(ACTION_UNITS);
    return scope;
  };

  #try<T>(path: Path, compile: () => T, hint = ""): T | undefined {
    try {
      return compile();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.#faults.error(error.code, [...path, ...error.place], error.message + hint);
      return undefined;
    }
  }
}

const initEvent = { type: "xstate.init" };

/** The event of a `raise`: its members as they are written, below a type that is known to be one. */
function compileRaised(raise: string | JsonObject, visible: Visible): (scope: Scope) => JsonObject {
  if (typeof raise === "string") {
    const type = compileEventType(raise, visible, ROUTE);
    return (scope) => ({ type: type(scope) });
  }
  const { type: written, ...rest } = raise;
  const type = within(["type"], () => compileEventType(String(written), visible, ROUTE));
  const members = compileValue(rest, visible);
  return (scope) => ({ type: type(scope), ...(members(scope) as JsonObject) });
}

function quoteHint(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z][\w -]*$/.test(value)
    ? `; to assign the text itself, write "'${value}'"`
    : "";
}

function pick<T extends object>(from: T, names: readonly (keyof T)[]): Partial<T> {
  const picked: Partial<T> = {};
  for (const name of names) if (from[name] !== undefined) picked[name] = from[name];
  return picked;
}

function mapEntries<T>(
  entries: Readonly<Record<string, T>>,
  map: (value: T, key: string) => unknown,
): XStateConfig {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, map(value, key)]));
}

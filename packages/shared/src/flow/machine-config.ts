import type { Json, JsonObject } from "../contract/json.ts";

/** The machine of a flow file, after the schema has passed it: what the rest of the loader walks. */

export type Actions = ActionConfig | readonly ActionConfig[];
export type ActionConfig = JsonObject;

export type GuardConfig =
  | string
  | { readonly and: readonly GuardConfig[] }
  | { readonly or: readonly GuardConfig[] }
  | { readonly not: GuardConfig }
  | { readonly in: string };

export interface TransitionConfig {
  readonly target?: string | readonly string[];
  readonly guard?: GuardConfig;
  readonly actions?: Actions;
  readonly reenter?: boolean;
  readonly description?: string;
  readonly meta?: Json;
}

export type Transitions = string | TransitionConfig | readonly (string | TransitionConfig)[] | null;

export interface InvokeConfig {
  readonly src: "call";
  readonly id?: string;
  readonly input: CallConfig;
  readonly onDone?: Transitions;
  readonly onError?: Transitions;
}

export interface CallConfig {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly timeout?: string | number;
  readonly retries?: number;
}

export interface StateConfig {
  readonly id?: string;
  readonly description?: string;
  readonly type?: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly initial?: string | { readonly target: string; readonly actions?: Actions };
  readonly states?: Readonly<Record<string, StateConfig>>;
  readonly on?: Readonly<Record<string, Transitions>>;
  readonly after?: Readonly<Record<string, Transitions>>;
  readonly always?: Transitions;
  readonly entry?: Actions;
  readonly exit?: Actions;
  readonly invoke?: InvokeConfig | readonly InvokeConfig[];
  readonly onDone?: Transitions;
  readonly history?: boolean | "shallow" | "deep";
  readonly target?: string;
  readonly output?: Json;
  readonly tags?: string | readonly string[];
  readonly meta?: Json;
  readonly route?: TransitionConfig;
}

export interface MachineConfig extends StateConfig {
  readonly context?: JsonObject;
  readonly version?: string;
}

export function listOf<T>(oneOrMany: T | readonly T[] | undefined): readonly T[] {
  if (oneOrMany === undefined) return [];
  return Array.isArray(oneOrMany) ? oneOrMany : [oneOrMany as T];
}

/** A transition as it stands in a list, or alone. */
export interface ListedTransition {
  readonly at: readonly number[];
  readonly transition: TransitionConfig;
  /** Whether only its target is written. */
  readonly short: boolean;
}

/** The transitions under one descriptor, each with its path below it. */
export function transitionsOf(transitions: Transitions | undefined): readonly ListedTransition[] {
  if (transitions === undefined) return [];
  if (isList(transitions)) return transitions.map((one, index) => listed(one, [index]));
  return [listed(transitions, [])];
}

function isList(transitions: Transitions): transitions is readonly (string | TransitionConfig)[] {
  return Array.isArray(transitions);
}

function listed(
  written: string | TransitionConfig | null,
  at: readonly number[],
): ListedTransition {
  if (typeof written === "string") return { at, transition: { target: written }, short: true };
  return { at, transition: written ?? {}, short: false };
}

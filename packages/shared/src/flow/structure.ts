import {
  type ActionConfig,
  type Actions,
  type GuardConfig,
  listOf,
  type MachineConfig,
  type StateConfig,
  type TransitionConfig,
  type Transitions,
  transitionsOf,
} from "./machine-config.ts";
import type { Path } from "./fault.ts";

/**
 * A machine's states as a tree, and what stands in each, with its place: what `check/` walks.
 *
 * XState builds such a tree, too, but finds one fault at a time and without a place.
 */
export interface StateNode {
  readonly id: string;
  readonly key: string;
  readonly path: Path;
  readonly config: StateConfig;
  readonly parent: StateNode | undefined;
  readonly children: Map<string, StateNode>;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
}

export interface PlacedTransition {
  readonly transition: TransitionConfig;
  readonly path: Path;
  /** Whether only its target is written. */
  readonly short: boolean;
}

export interface Placed<T> {
  readonly value: T;
  readonly path: Path;
}

/** Every transition that starts in a state, with its place; but for its `route`. */
export function outgoing(node: StateNode): PlacedTransition[] {
  const { config, path } = node;
  const placed = (transitions: Transitions | undefined, ...at: (string | number)[]) =>
    transitionsOf(transitions).map(({ at: inner, ...one }) => ({
      ...one,
      path: [...path, ...at, ...inner],
    }));
  return [
    ...Object.entries(config.on ?? {}).flatMap(([type, one]) => placed(one, "on", type)),
    ...Object.entries(config.after ?? {}).flatMap(([delay, one]) => placed(one, "after", delay)),
    ...placed(config.always, "always"),
    ...placed(config.onDone, "onDone"),
    ...listOf(config.invoke).flatMap((invoke, i) => {
      const at = Array.isArray(config.invoke) ? ["invoke", i] : ["invoke"];
      return [
        ...placed(invoke.onDone, ...at, "onDone"),
        ...placed(invoke.onError, ...at, "onError"),
      ];
    }),
  ];
}

/** The targets of a transition, each with its place. */
export function targetsOf({ transition, path, short }: PlacedTransition): Placed<string>[] {
  const { target } = transition;
  if (target === undefined) return [];
  const at = short ? path : [...path, "target"];
  return typeof target === "string"
    ? [{ value: target, path: at }]
    : target.map((value, i) => ({ value, path: [...at, i] }));
}

/** The guards of a state's transitions. */
export function guardsOf(node: StateNode): Placed<GuardConfig>[] {
  const routed = { transition: node.config.route ?? {}, path: [...node.path, "route"] };
  return [...outgoing(node), routed].flatMap(({ transition, path }) =>
    transition.guard === undefined ? [] : [{ value: transition.guard, path: [...path, "guard"] }],
  );
}

/** Every action that a state may take. */
export function actionsOf(node: StateNode): ActionConfig[] {
  const { entry, exit, initial, route } = node.config;
  const lists: (Actions | undefined)[] = [
    entry,
    exit,
    typeof initial === "object" ? initial.actions : undefined,
    route?.actions,
    ...outgoing(node).map(({ transition }) => transition.actions),
  ];
  return lists.flatMap((actions) => listOf(actions));
}

function kindOf(config: StateConfig): StateNode["kind"] {
  if (config.type !== undefined) return config.type;
  if (Object.keys(config.states ?? {}).length > 0) return "compound";
  return config.history === undefined || config.history === false ? "atomic" : "history";
}

function buildNode(
  config: StateConfig,
  key: string,
  path: Path,
  parent: StateNode | undefined,
  keys: readonly string[],
): StateNode {
  const node: StateNode = {
    id: config.id ?? keys.join("."),
    key,
    path,
    config,
    parent,
    children: new Map(),
    kind: kindOf(config),
  };
  for (const [child, inner] of Object.entries(config.states ?? {})) {
    const at = [...path, "states", child];
    node.children.set(child, buildNode(inner, child, at, node, [...keys, child]));
  }
  return node;
}

export function walk(node: StateNode, take: (node: StateNode) => void): void {
  take(node);
  for (const child of node.children.values()) walk(child, take);
}

export class Structure {
  readonly root: StateNode;
  readonly ids = new Map<string, StateNode>();

  constructor(machine: MachineConfig, name: string) {
    const id = machine.id ?? name;
    this.root = buildNode(machine, id, ["machine"], undefined, [id]);
    walk(this.root, (node) => {
      if (!this.ids.has(node.id)) this.ids.set(node.id, node);
    });
  }

  /** Finds a target as XState does: `#id`, `.child`, `sibling`, each with a path behind it. */
  resolve(from: StateNode, target: string): StateNode | undefined {
    if (target.startsWith("#")) return this.#byId(target.slice(1));
    if (target.startsWith(".")) return descend(from, target.slice(1).split("."));
    return descend(from.parent, target.split("."));
  }

  /** Finds what a guard's `in` names: `#id`, or a path from the top. */
  find(state: string): StateNode | undefined {
    if (state.startsWith("#")) return this.#byId(state.slice(1));
    return descend(this.root, state.split("."));
  }

  /** The state that is entered with `node`, where one is. */
  initial(node: StateNode): StateNode | undefined {
    return node.kind === "compound" ? node.children.get(initialName(node.config)) : undefined;
  }

  /** Where a history state leads before there is any history; undefined where its parent is entered anew. */
  historyDefault(node: StateNode): StateNode | undefined {
    if (node.config.target !== undefined) return this.resolve(node, node.config.target);
    return node.parent === undefined ? undefined : this.initial(node.parent);
  }

  #byId(id: string): StateNode | undefined {
    const exact = this.ids.get(id);
    if (exact !== undefined) return exact;
    const [first = "", ...rest] = id.split(".");
    return descend(this.ids.get(first), rest);
  }
}

function descend(from: StateNode | undefined, keys: readonly string[]): StateNode | undefined {
  let node = from;
  for (const key of keys) node = node?.children.get(key);
  return node;
}

export function initialName(config: StateConfig): string {
  const { initial } = config;
  return (typeof initial === "string" ? initial : initial?.target) ?? "";
}

/** A state, its parent, and so on up to the machine. */
function upwards(node: StateNode): StateNode[] {
  return node.parent === undefined ? [node] : [node, ...upwards(node.parent)];
}

/** Whether a state lies in another, at any depth. */
export function isInside(node: StateNode, outer: StateNode): boolean {
  return node !== outer && upwards(node).includes(outer);
}

/** Whether two states, of which neither is inside the other, can be active at once. */
export function areRegions(a: StateNode, b: StateNode): boolean {
  const above = new Set(upwards(a));
  const meet = upwards(b).find((node) => above.has(node));
  return meet?.kind === "parallel" && meet !== a && meet !== b;
}

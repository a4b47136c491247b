import type { Faults, Path } from "./fault.ts";
import { didYouMean } from "./fault.ts";
import {
  listOf,
  type MachineConfig,
  type StateConfig,
  type TransitionConfig,
  type Transitions,
  transitionsOf,
} from "./machine-config.ts";

/**
 * What can be known of a machine from its shape alone: do targets exist, can every state be entered,
 * does it come to rest. XState would find some of this too, but one fault at a time and without a place.
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
}

/** Every transition that starts in a state, with its place. */
export function outgoing(node: StateNode): PlacedTransition[] {
  const { config, path } = node;
  const placed = (transitions: Transitions | undefined, ...at: (string | number)[]) =>
    transitionsOf(transitions).map(({ at: inner, transition }) => ({
      transition,
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

/** Dots and signs would make it mean another thing in a target. */
const plainName = /^[^.#*][^.]*$/;
const plainRule = "has no dot, and does not begin with # or *";

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
    if (target.startsWith("#")) {
      const exact = this.ids.get(target.slice(1));
      if (exact !== undefined) return exact;
      const [id = "", ...rest] = target.slice(1).split(".");
      return descend(this.ids.get(id), rest);
    }
    if (target.startsWith(".")) return descend(from, target.slice(1).split("."));
    return descend(from.parent, target.split("."));
  }

  check(faults: Faults): void {
    this.#checkNames(faults);
    this.#checkTargets(faults);
    this.#checkRest(faults);
    // With a target missing, what it should have led to is not unreachable, only not reached yet.
    if (faults.all.some(({ code }) => code === "unknown-target" || code === "missing-initial"))
      return;
    const reached = this.#reach();
    walk(this.root, (node) => {
      // One fault for a whole region that cannot be entered: its top.
      if (!reached.has(node) && (node.parent === undefined || reached.has(node.parent))) {
        faults.error(
          "unreachable-state",
          node.path,
          `no transition leads to state \`${node.key}\``,
        );
      }
    });
  }

  #checkNames(faults: Faults): void {
    walk(this.root, (node) => {
      if (this.ids.get(node.id) !== node) {
        faults.error("duplicate-id", node.path, `another state has the id \`${node.id}\``);
      }
      if (node.config.id !== undefined && !plainName.test(node.config.id)) {
        faults.error("wrong-value", [...node.path, "id"], `an id ${plainRule}`);
      }
      for (const key of node.children.keys()) {
        if (plainName.test(key)) continue;
        const path = [...node.path, "states", key];
        faults.error("wrong-value", path, `a state's name ${plainRule}`);
      }
      this.#checkKind(node, faults);
    });
  }

  #checkKind(node: StateNode, faults: Faults): void {
    const { config, kind, path, children } = node;
    if (kind === "compound" && config.initial === undefined) {
      const first = [...children.keys()][0];
      faults.error("missing-initial", path, `a state with states needs \`initial: ${first}\``);
    }
    if ((kind === "atomic" || kind === "final") && children.size > 0) {
      faults.error("wrong-value", [...path, "type"], `a state of type ${kind} has no states`);
    }
  }

  #checkTargets(faults: Faults): void {
    walk(this.root, (node) => {
      const { config, path } = node;
      if (node.kind === "history" && config.target !== undefined) {
        this.#checkTarget(node, config.target, [...path, "target"], faults);
      }
      if (config.initial !== undefined && this.#initial(node) === undefined) {
        const name = initialName(config);
        const hint = didYouMean(name, node.children.keys());
        faults.error(
          "unknown-target",
          [...path, "initial"],
          `there is no state \`${name}\` in here${hint}`,
        );
      }
      for (const { transition, path: at } of outgoing(node)) {
        for (const target of listOf(transition.target)) this.#checkTarget(node, target, at, faults);
      }
    });
  }

  #checkTarget(from: StateNode, target: string, path: Path, faults: Faults): void {
    if (this.resolve(from, target) !== undefined) return;
    const siblings = [...(from.parent?.children.keys() ?? [])];
    const known = target.startsWith("#") ? [...this.ids.keys()].map((id) => `#${id}`) : siblings;
    const hint =
      from.parent === undefined && this.root.children.has(target)
        ? ` (from the top of the machine, write \`.${target}\`)`
        : didYouMean(target, known);
    faults.error("unknown-target", path, `there is no state \`${target}\` here${hint}`);
  }

  #initial(node: StateNode): StateNode | undefined {
    return node.children.get(initialName(node.config));
  }

  /** Which states can be entered at all, guards set aside. */
  #reach(): Set<StateNode> {
    const active = new Set<StateNode>();
    const entered = new Set<StateNode>();
    const follow = (node: StateNode): void => {
      for (const { transition } of outgoing(node)) {
        for (const target of listOf(transition.target)) enter(this.resolve(node, target));
      }
      for (const child of node.children.values()) {
        if (child.config.route !== undefined && child.config.id !== undefined) enter(child);
      }
    };
    // Entered from below, a state is active without its initial state being so.
    const activate = (node: StateNode | undefined): void => {
      if (node === undefined || active.has(node)) return;
      active.add(node);
      activate(node.parent);
      if (node.kind === "parallel") for (const child of node.children.values()) enter(child);
      follow(node);
    };
    const enter = (node: StateNode | undefined): void => {
      if (node === undefined || entered.has(node)) return;
      entered.add(node);
      activate(node);
      if (node.kind === "compound") enter(this.#initial(node));
      if (node.kind === "history") enter(this.#historyDefault(node));
    };
    enter(this.root);
    return active;
  }

  #historyDefault(node: StateNode): StateNode | undefined {
    if (node.config.target !== undefined) return this.resolve(node, node.config.target);
    return node.parent === undefined ? undefined : this.#initial(node.parent);
  }

  /** Finds `always` transitions that follow each other for ever, whatever the guards say. */
  #checkRest(faults: Faults): void {
    const reported = new Set<StateNode>();
    walk(this.root, (node) => {
      const trail: StateNode[] = [];
      let at: StateNode | undefined = node;
      while (at !== undefined && !trail.includes(at)) {
        trail.push(at);
        at = this.#certainNext(at);
      }
      if (at === undefined) return;
      const cycle = trail.slice(trail.indexOf(at));
      if (cycle.some((one) => reported.has(one))) return;
      for (const one of cycle) reported.add(one);
      const route = [...cycle, at].map((one) => one.key).join(" → ");
      const path = [...at.path, "always"];
      faults.error("always-cycle", path, `never comes to rest: ${route}; give one of them a guard`);
    });
  }

  /** The state whose unguarded `always` certainly follows when `node`'s own is taken. */
  #certainNext(node: StateNode): StateNode | undefined {
    const first = transitionsOf(node.config.always)[0]?.transition;
    if (first === undefined || first.guard !== undefined) return undefined;
    const target = listOf(first.target)[0];
    if (target === undefined)
      return listOf(first.actions).some((a) => "assign" in a) ? node : undefined;
    let entered = this.resolve(node, target);
    const certain = (one: StateNode | undefined): boolean => {
      const always = transitionsOf(one?.config.always)[0]?.transition;
      return always !== undefined && always.guard === undefined;
    };
    while (entered !== undefined && !certain(entered) && entered.kind === "compound") {
      entered = this.#initial(entered);
    }
    return certain(entered) ? entered : undefined;
  }
}

function descend(from: StateNode | undefined, keys: readonly string[]): StateNode | undefined {
  let node = from;
  for (const key of keys) node = node?.children.get(key);
  return node;
}

function initialName(config: StateConfig): string {
  const { initial } = config;
  return (typeof initial === "string" ? initial : initial?.target) ?? "";
}

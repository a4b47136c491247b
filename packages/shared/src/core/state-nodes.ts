import type { StateValue } from "../contract/instance.ts";
import type { Flow } from "../flow/flow.ts";

/** What we read of XState's state nodes. */
export interface StateNode {
  readonly id: string;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly states: Readonly<Record<string, StateNode>>;
  readonly config: { readonly after?: Readonly<Record<string, unknown>> };
}

export function rootOf(flow: Flow): StateNode {
  return flow.machine.root as unknown as StateNode;
}

/** @param path `day.noon` @returns undefined where there is no such state */
export function nodeAt(flow: Flow, path: string): StateNode | undefined {
  let node: StateNode | undefined = rootOf(flow);
  for (const name of path === "" ? [] : path.split("."))
    node = node !== undefined && Object.hasOwn(node.states, name) ? node.states[name] : undefined;
  return node;
}

/**
 * Whether a machine can be in a state: each name of it is a state of the machine, and leads down to
 * states without states.
 */
export function canBeIn(node: StateNode, value: StateValue): boolean {
  const inner: Readonly<Record<string, StateValue>> =
    typeof value === "string" ? { [value]: {} } : value;
  const names = Object.keys(inner);
  if (names.length !== regionsOf(node)) return false;
  return names.every((name) => {
    const state = Object.hasOwn(node.states, name) ? node.states[name] : undefined;
    return state !== undefined && state.type !== "history" && canBeIn(state, inner[name] ?? {});
  });
}

/** How many of a state's states are active with it. */
function regionsOf(node: StateNode): number {
  if (node.type === "compound") return 1;
  if (node.type !== "parallel") return 0;
  return Object.values(node.states).filter(({ type }) => type !== "history").length;
}

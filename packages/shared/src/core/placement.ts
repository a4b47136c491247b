import type { StateValue } from "../contract/instance.ts";
import type { Flow } from "../flow/flow.ts";

/** What we read of XState's state nodes. */
interface StateNode {
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly states: Readonly<Record<string, StateNode>>;
}

/**
 * Whether a machine can be in a state: each name of it is a state of the machine, and leads down to
 * states without states.
 *
 * @returns the path of the first that it cannot be in, as `day.noon`; undefined where it can
 */
export function missingState(flow: Flow, value: StateValue): string | undefined {
  return missingIn(flow.machine.root as unknown as StateNode, value, "");
}

function missingIn(node: StateNode, value: StateValue, path: string): string | undefined {
  const inner: Readonly<Record<string, StateValue>> =
    typeof value === "string" ? { [value]: {} } : value;
  const names = Object.keys(inner);
  if (names.length !== regionsOf(node)) return path === "" ? "the machine" : path;
  for (const name of names) {
    const below = path === "" ? name : `${path}.${name}`;
    const state = Object.hasOwn(node.states, name) ? node.states[name] : undefined;
    if (state === undefined || state.type === "history") return below;
    const missing = missingIn(state, inner[name] ?? {}, below);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** How many of a state's states are active with it. */
function regionsOf(node: StateNode): number {
  if (node.type === "compound") return 1;
  if (node.type !== "parallel") return 0;
  return Object.values(node.states).filter(({ type }) => type !== "history").length;
}

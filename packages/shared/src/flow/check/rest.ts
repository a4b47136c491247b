import type { Faults } from "../fault.ts";
import { listOf, transitionsOf } from "../machine-config.ts";
import { type StateNode, type Structure, walk } from "../structure.ts";

/** Finds `always` transitions that follow each other for ever, whatever the guards say. */
export function checkRest(structure: Structure, faults: Faults): void {
  const reported = new Set<StateNode>();
  walk(structure.root, (node) => {
    const trail: StateNode[] = [];
    let at: StateNode | undefined = node;
    while (at !== undefined && !trail.includes(at)) {
      trail.push(at);
      at = certainNext(structure, at);
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

/** The state whose unguarded `always` certainly follows when `node` is entered. */
function certainNext(structure: Structure, node: StateNode): StateNode | undefined {
  if (certainAlways(structure, node) !== node) return undefined;
  const [first] = transitionsOf(node.config.always);
  const target = listOf(first?.transition.target)[0];
  if (target === undefined) {
    const assigns = listOf(first?.transition.actions).some((action) => "assign" in action);
    return assigns ? node : undefined;
  }
  const entered = structure.resolve(node, target);
  return entered === undefined ? undefined : certainAlways(structure, entered);
}

/** Of a state and those entered with it, the one whose unguarded `always` is taken before all others. */
function certainAlways(structure: Structure, node: StateNode): StateNode | undefined {
  const entered = enteredWith(structure, node).toReversed();
  if (entered[0]?.kind === "history") return undefined;
  for (const one of entered) {
    if (one.kind === "parallel" && [...one.children.values()].some(hasAlways)) return undefined;
    const [first] = transitionsOf(one.config.always);
    if (first !== undefined) return first.transition.guard === undefined ? one : undefined;
  }
  return undefined;
}

/** A state, its initial state, and so on inwards. */
function enteredWith(structure: Structure, node: StateNode): StateNode[] {
  const inner = structure.initial(node);
  return inner === undefined ? [node] : [node, ...enteredWith(structure, inner)];
}

function hasAlways(node: StateNode): boolean {
  return node.config.always !== undefined || [...node.children.values()].some(hasAlways);
}

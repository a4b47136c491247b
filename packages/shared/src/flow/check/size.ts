import type { Faults } from "../fault.ts";
import { outgoing, type StateNode, type Structure, walk } from "../structure.ts";

/**
 * What a machine may be large in. XState goes through all active states at each microstep, and to enter
 * a thousand regions takes it 20 s; the checks hold states and transitions against each other.
 */
const STATES_MAX = 1_000;
const ACTIVE_MAX = 100;
const TRANSITIONS_MAX = 5_000;

/** @returns whether the machine is small enough to be looked at any further */
export function checkSize(structure: Structure, faults: Faults): boolean {
  let states = 0;
  let transitions = 0;
  walk(structure.root, (node) => {
    states += 1;
    transitions += outgoing(node).length;
  });
  const counts = [
    [states, STATES_MAX, "states"],
    [transitions, TRANSITIONS_MAX, "transitions"],
    [activeAtOnce(structure.root), ACTIVE_MAX, "states that may be active at once"],
  ] as const;
  for (const [count, max, what] of counts) {
    if (count > max) faults.error("too-large", ["machine"], `${count} ${what}; ${max} is the most`);
  }
  return counts.every(([count, max]) => count <= max);
}

/** The innermost ones, at most. */
function activeAtOnce(node: StateNode): number {
  const inside = [...node.children.values()].map(activeAtOnce);
  if (inside.length === 0) return 1;
  return node.kind === "parallel"
    ? inside.reduce((sum, active) => sum + active, 0)
    : Math.max(...inside);
}

import type { FaultCode, Faults } from "../fault.ts";
import { outgoing, type StateNode, type Structure, targetsOf, walk } from "../structure.ts";

/** Finds states that nothing leads to. */
export function checkReach(structure: Structure, faults: Faults): void {
  // With a target missing, what it should have led to is not unreachable, only not reached yet.
  if (faults.all.some(({ code }) => astray.has(code))) return;
  const reached = reachIn(structure);
  walk(structure.root, (node) => {
    if (reached.has(node) || !isFirst(node, reached)) return;
    faults.error("unreachable-state", node.path, `no transition leads to state \`${node.key}\``);
  });
}

const astray: ReadonlySet<FaultCode> = new Set([
  "unknown-target",
  "wrong-target",
  "missing-initial",
]);

/** One fault is enough for a whole region that cannot be entered, and for one that cannot have states. */
function isFirst({ parent }: StateNode, reached: ReadonlySet<StateNode>): boolean {
  if (parent === undefined) return true;
  return reached.has(parent) && (parent.kind === "compound" || parent.kind === "parallel");
}

/** Which states can be entered at all, guards set aside. */
function reachIn(structure: Structure): Set<StateNode> {
  const active = new Set<StateNode>();
  const entered = new Set<StateNode>();
  const follow = (node: StateNode): void => {
    for (const one of outgoing(node)) {
      for (const { value } of targetsOf(one)) enter(structure.resolve(node, value));
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
    enter(node.kind === "history" ? structure.historyDefault(node) : structure.initial(node));
  };
  enter(structure.root);
  // The machine itself has a transition to each of these, however deep they lie.
  walk(structure.root, (node) => {
    if (node.config.route !== undefined && node.config.id !== undefined) enter(node);
  });
  return active;
}

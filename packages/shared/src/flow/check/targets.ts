import { didYouMean, type Faults, type Path } from "../fault.ts";
import type { GuardConfig } from "../machine-config.ts";
import {
  areRegions,
  guardsOf,
  initialName,
  isInside,
  outgoing,
  type Placed,
  type StateNode,
  type Structure,
  targetsOf,
  walk,
} from "../structure.ts";

/** Checks that transitions, `initial`, history and guards name states, and such as can be entered. */
export function checkTargets(structure: Structure, faults: Faults): void {
  walk(structure.root, (node) => {
    checkInitial(structure, node, faults);
    checkHistory(structure, node, faults);
    for (const one of outgoing(node)) {
      const targets = targetsOf(one);
      for (const target of targets) checkTarget(structure, node, target, faults);
      checkTogether(structure, node, targets, faults);
    }
    for (const guard of guardsOf(node)) checkGuard(structure, guard, faults);
  });
}

function checkTarget(
  structure: Structure,
  from: StateNode,
  { value: target, path }: Placed<string>,
  faults: Faults,
): void {
  if (structure.resolve(from, target) !== undefined) return;
  const siblings = [...(from.parent?.children.keys() ?? [])];
  const known = target.startsWith("#") ? idsOf(structure) : siblings;
  const hint =
    from.parent === undefined && structure.root.children.has(target)
      ? ` (from the top of the machine, write \`.${target}\`)`
      : didYouMean(target, known);
  faults.error("unknown-target", path, `there is no state \`${target}\` here${hint}`);
}

function idsOf(structure: Structure): string[] {
  return [...structure.ids.keys()].map((id) => `#${id}`);
}

/** Of the states of one parent that is not parallel, one is active. */
function checkTogether(
  structure: Structure,
  from: StateNode,
  targets: readonly Placed<string>[],
  faults: Faults,
): void {
  const entered: { name: string; node: StateNode }[] = [];
  for (const { value: name, path } of targets) {
    const found = structure.resolve(from, name);
    if (found === undefined) continue;
    // What a history state brings back lies somewhere in its parent.
    const node = found.kind === "history" ? (found.parent ?? found) : found;
    const other = entered.find((one) => one.node !== node && !areRegions(one.node, node));
    if (other !== undefined) {
      const message = `\`${other.name}\` and \`${name}\` cannot be entered at once: not states of a parallel state`;
      faults.error("wrong-target", path, message);
    }
    entered.push({ name, node });
  }
}

function checkInitial(structure: Structure, node: StateNode, faults: Faults): void {
  const { config, children } = node;
  if (config.initial === undefined) return;
  const path: Path = [...node.path, "initial"];
  const name = initialName(config);
  const initial = children.get(name);
  if (initial === undefined) {
    const hint = didYouMean(name, children.keys());
    faults.error("unknown-target", path, `there is no state \`${name}\` in here${hint}`);
  } else if (initial.kind === "history" && !leadsInto(structure, initial, node)) {
    const message = `\`${name}\` is a history state, and at first there is no history: give it a \`target\` in here`;
    faults.error("wrong-target", path, message);
  }
}

function leadsInto(structure: Structure, history: StateNode, parent: StateNode): boolean {
  if (history.config.target === undefined) return false;
  const target = structure.historyDefault(history);
  return target === undefined || isInside(target, parent);
}

function checkHistory(structure: Structure, node: StateNode, faults: Faults): void {
  const { target: value } = node.config;
  if (node.kind !== "history" || value === undefined) return;
  const path = [...node.path, "target"];
  checkTarget(structure, node, { value, path }, faults);
  if (structure.resolve(node, value)?.kind !== "history") return;
  const message = `\`${value}\` is a history state itself; name the state that it leads to`;
  faults.error("wrong-target", path, message);
}

function checkGuard(
  structure: Structure,
  { value: guard, path }: Placed<GuardConfig>,
  faults: Faults,
): void {
  if (typeof guard === "string") return;
  const inner = (value: GuardConfig, ...at: (string | number)[]) =>
    checkGuard(structure, { value, path: [...path, ...at] }, faults);
  if ("and" in guard) guard.and.forEach((one, i) => inner(one, "and", i));
  else if ("or" in guard) guard.or.forEach((one, i) => inner(one, "or", i));
  else if ("not" in guard) inner(guard.not, "not");
  else checkIn(structure, guard.in, [...path, "in"], faults);
}

function checkIn(structure: Structure, state: string, path: Path, faults: Faults): void {
  if (structure.find(state) !== undefined) return;
  const known = state.startsWith("#") ? idsOf(structure) : structure.root.children.keys();
  const hint = didYouMean(state, known) || "; write `#id`, or a path from the top";
  faults.error("unknown-target", path, `there is no state \`${state}\`${hint}`);
}

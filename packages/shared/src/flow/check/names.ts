import type { Faults, Path } from "../fault.ts";
import { listOf } from "../machine-config.ts";
import { areRegions, isInside, type StateNode, type Structure, walk } from "../structure.ts";

/** Checks what states are called, and whether their members go together. */
export function checkNames(structure: Structure, faults: Faults): void {
  walk(structure.root, (node) => {
    if (structure.ids.get(node.id) !== node) {
      faults.error("duplicate-id", node.path, `another state has the id \`${node.id}\``);
    }
    if (node.config.id !== undefined)
      checkName(node.config.id, "an id", [...node.path, "id"], faults);
    for (const key of node.children.keys()) {
      checkName(key, "a state's name", [...node.path, "states", key], faults);
    }
    checkMembers(node, faults);
  });
  checkInvocations(structure.root, faults);
}

/** Dots, signs and backslashes would make it mean another thing in a target. */
const plainName = /^[^.#*\\][^.\\]*$/;

function checkName(name: string, what: string, path: Path, faults: Faults): void {
  if (!plainName.test(name)) {
    const rule = "has no dot and no backslash, and does not begin with # or *";
    faults.error("wrong-value", path, `\`${name}\`: ${what} ${rule}`);
  } else if (name in Object.prototype) {
    const rule = "is not one that JavaScript's objects have already";
    faults.error("wrong-value", path, `\`${name}\`: ${what} ${rule}`);
  }
}

function checkMembers(node: StateNode, faults: Faults): void {
  const { config, kind, path, children, parent } = node;
  if (kind === "compound" && config.initial === undefined) {
    const first = [...children.keys()][0];
    faults.error("missing-initial", path, `a state with states needs \`initial: ${first}\``);
  }
  if (kind !== "compound" && kind !== "parallel" && children.size > 0) {
    faults.error("wrong-value", [...path, "type"], `a state of type ${kind} has no states`);
  }
  if (kind === "history" && parent === undefined) {
    faults.error("wrong-value", path, "the machine itself is no history state");
  }
  if (kind !== "history" && config.target !== undefined) {
    const message = "only a history state has a `target`; write `always` to go on at once";
    faults.error("wrong-value", [...path, "target"], message);
  }
  if (kind !== "final" && parent !== undefined && config.output !== undefined) {
    const message = "only a final state and the machine itself have an `output`";
    faults.error("wrong-value", [...path, "output"], message);
  }
  if (config.route !== undefined && config.id === undefined) {
    const message = "a state with a `route` needs an `id` to be reached by";
    faults.error("missing-member", path, message);
  }
}

interface Invocation {
  readonly id: string;
  readonly node: StateNode;
  readonly path: Path;
}

/** Two calls that can wait at once and have one id would take each other's answers. */
function checkInvocations(root: StateNode, faults: Faults): void {
  const before: Invocation[] = [];
  walk(root, (node) => {
    for (const one of invocationsOf(node)) {
      if (before.some((other) => other.id === one.id && canWaitAtOnce(other.node, one.node))) {
        const message = `another call that may be made at the same time has the id \`${one.id}\``;
        faults.error("duplicate-id", one.path, message);
      }
      before.push(one);
    }
  });
}

function invocationsOf(node: StateNode): Invocation[] {
  const { invoke } = node.config;
  return listOf(invoke).flatMap(({ id }, i) => {
    const at = Array.isArray(invoke) ? ["invoke", i, "id"] : ["invoke", "id"];
    return id === undefined ? [] : [{ id, node, path: [...node.path, ...at] }];
  });
}

function canWaitAtOnce(a: StateNode, b: StateNode): boolean {
  return a === b || isInside(a, b) || isInside(b, a) || areRegions(a, b);
}

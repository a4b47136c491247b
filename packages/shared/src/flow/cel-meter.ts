import type { ASTNode } from "@marcbachmann/cel-js";
import { Budget } from "./budget.ts";

/**
 * Lets expressions pay for what they do before they do it.
 *
 * cel-js works a tree out by the functions that its type check left on the nodes. Those that may cost
 * more than their node get one of ours before them: loops pay for all their rounds, operators and
 * functions for the data that they go through, and errors that CEL passes over for being made.
 */

let paying = new Budget();

/** Whose budget what is evaluated next spends of. */
export function payFrom(budget: Budget): void {
  paying = budget;
}

export function spend(units: number): void {
  paying.spend(units);
}

/** A node as the type check of cel-js 8.0.0 leaves it. */
interface CheckedNode {
  readonly op: string;
  readonly args: unknown;
  readonly input: string;
  readonly meta: {
    readonly alternate?: CheckedNode;
    readonly macro?: Macro;
    readonly evaluate: Evaluate;
  };
  evaluate: Evaluate;
  handle?: Handle;
}

type Evaluate = (evaluator: unknown, node: unknown, context: unknown) => unknown;
type Handle = (first: unknown, second: unknown, third: unknown, fourth: unknown) => unknown;
interface Macro {
  readonly evaluate: Evaluate;
}
interface Loop {
  readonly iterable: CheckedNode;
  readonly init: CheckedNode;
  readonly step: CheckedNode;
  /** `all` and `exists` go on after an error. */
  readonly errorsAreFatal: boolean;
}

/** @param ast checked; it is changed. @returns how many nodes it has */
export function meter(ast: ASTNode): number {
  return meterNode(ast as unknown as CheckedNode, new Set());
}

function meterNode(node: CheckedNode, seen: Set<unknown>): number {
  if (seen.has(node)) return 1;
  seen.add(node);
  const { alternate, macro } = node.meta;
  if (alternate !== undefined) return meterNode(alternate, seen);
  if (macro !== undefined) return 1 + meterParts(Object.values(macro), seen);
  if (node.op === "comprehension") return meterLoop(node, node.args as Loop, seen);
  const nodes = 1 + meterParts(node.args, seen);
  const cost = costs[node.op];
  if (cost !== undefined) payBefore(node, (first, second) => cost(first, second, node));
  if (node.op === "||" || node.op === "&&") payForErrors((node.args as CheckedNode[])[0]);
  return nodes;
}

function meterParts(parts: unknown, seen: Set<unknown>): number {
  if (Array.isArray(parts))
    return parts.reduce<number>((sum, part) => sum + meterParts(part, seen), 0);
  return isNode(parts) ? meterNode(parts, seen) : 0;
}

function isNode(value: unknown): value is CheckedNode {
  return typeof value === "object" && value !== null && "op" in value && "evaluate" in value;
}

function meterLoop(node: CheckedNode, loop: Loop, seen: Set<unknown>): number {
  const body = 1 + meterNode(loop.step, seen);
  payBefore(node, (items) => lengthOf(items) * body);
  if (!loop.errorsAreFatal) payForErrors(loop.step);
  return body + meterNode(loop.iterable, seen);
}

function payBefore(node: CheckedNode, cost: (first: unknown, second: unknown) => number): void {
  const { handle } = node;
  if (handle === undefined) return;
  node.handle = (first, second, third, fourth) => {
    spend(cost(first, second));
    return handle(first, second, third, fourth);
  };
}

/** An error costs about 7 us, and more in a long text, of which it shows the line. */
const ERROR_UNITS = 150;

function payForErrors(node: CheckedNode | undefined): void {
  if (node === undefined) return;
  const { alternate, macro, evaluate } = node.meta;
  node.evaluate = (evaluator, self, context) => {
    spend(0); // once the budget is spent, nothing more is begun
    try {
      if (alternate !== undefined) return alternate.evaluate(evaluator, alternate, context);
      if (macro !== undefined) return macro.evaluate(evaluator, macro, context);
      return evaluate(evaluator, self, context);
    } catch (error) {
      spend(ERROR_UNITS + node.input.length / 16);
      throw error;
    }
  };
}

type Cost = (first: unknown, second: unknown, node: CheckedNode) => number;

const costs: Readonly<Record<string, Cost>> = {
  "+": (left, right) => lengthOf(left) / 8 + lengthOf(right) / 8,
  "==": equalityCost,
  "!=": equalityCost,
  in: (value, list) => (Array.isArray(list) ? list.length / 2 + weighIfObject(value, list) : 0),
  call: (args, _, node) => callCost((node.args as [string])[0], args as unknown[]),
  rcall: (args, _, node) => callCost((node.args as [string])[0], args as unknown[]),
};

/** Characters, elements, bytes or members. */
function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (typeof value !== "object" || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  return Object.keys(value).length;
}

function equalityCost(left: unknown, right: unknown): number {
  if (typeof left === "string" && typeof right === "string") {
    return left.length === right.length ? left.length / 16 : 0;
  }
  if (Array.isArray(left) && Array.isArray(right) && left.length !== right.length) return 0;
  return weighIfObject(left, right);
}

/** Nothing, where one of the two is no object: they are told apart at once. */
function weighIfObject(one: unknown, other: unknown): number {
  if (typeof one !== "object" || one === null) return 0;
  if (typeof other === "object" && other !== null) weigh(other);
  return 0;
}

/** Pays for all of a value as it goes: a list may hold one list many times. */
function weigh(value: unknown): void {
  if (typeof value === "string") return spend(1 + value.length / 16);
  spend(1);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) weigh(inner);
}

const CALL_UNITS = 4;
const searches = new Set(["contains", "indexOf", "lastIndexOf", "split", "endsWith", "startsWith"]);
/** cel-js tries every place of a text for the beginning of a duration, and from each all that follows. */
const DURATION_CHARACTERS_MAX = 64;
/** To know the time in a zone, it writes the date as text and reads it again: about 100 us. */
const ZONE_UNITS = 2_000;

function callCost(name: string, args: readonly unknown[]): number {
  const [first, second] = args;
  if (name === "duration" && lengthOf(first) > DURATION_CHARACTERS_MAX)
    throw new Error(`duration() takes at most ${DURATION_CHARACTERS_MAX} characters`);
  let units = CALL_UNITS;
  for (const arg of args) if (typeof arg !== "object" || !isPlain(arg)) units += lengthOf(arg) / 4;
  if (first instanceof Date && typeof second === "string") units += ZONE_UNITS;
  if (name === "join" && Array.isArray(first)) {
    units += first.length * (lengthOf(second) / 8);
    for (const part of first) units += lengthOf(part) / 8;
  }
  // In the worst case a search begins again at each place.
  if (searches.has(name)) units += (lengthOf(first) * lengthOf(second)) / 1_000;
  return units;
}

/** Nothing that is called goes through a map's members. */
function isPlain(value: object | null): boolean {
  return value === null || Object.getPrototypeOf(value) === Object.prototype;
}

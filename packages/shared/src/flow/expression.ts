import { type ASTNode, Environment, Optional } from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";
import type { Json, JsonObject } from "../contract/json.ts";
import type { FaultCode } from "./fault.ts";

/**
 * CEL expressions, with numbers that behave as JSON numbers do.
 *
 * CEL keeps whole literals as 64-bit integers and JSON's numbers as doubles, and mixes neither. Here the
 * mixed overloads exist, a division is never cut to a whole number, and a result never holds a BigInt.
 * `matches` is RE2: the stock one backtracks, and took 11 s on `^(a+)+$` against 30 letters.
 */

/** What an expression may look at. */
export interface Scope {
  event: JsonObject;
  context: JsonObject;
  /** The sender where an input is read, the instance's own thing everywhere else. */
  thing: JsonObject;
  /** Levels of the topic that the event arrived on; empty for what came another way. */
  topic: readonly string[];
  /** Log time, ms. */
  now: number;
  params: JsonObject;
}

export type Variable = keyof Scope | "secret";

/** What an input's `thing`, `id` and `key` may look at. */
export const inputVariables: readonly Variable[] = ["event", "thing", "topic", "now", "params"];
/** What a machine's guards, values and texts may look at. */
export const machineVariables: readonly Variable[] = [...inputVariables, "context"];

/** A compiled expression. Throws ExpressionError when it cannot be worked out. */
export interface Expression {
  (scope: Scope): Json;
  readonly source: string;
  /** Type that the checker inferred, `dyn` where only the value will tell. */
  readonly type: string;
  readonly uses: ReadonlySet<string>;
}

/** An expression, or what it is part of, that cannot be compiled or worked out. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  readonly code: FaultCode;

  constructor(message: string, code: FaultCode = "expression") {
    super(message);
    this.code = code;
  }
}

const variables: Record<Variable, string> = {
  event: "map",
  context: "map",
  thing: "map",
  topic: "list<string>",
  now: "double",
  params: "map",
  secret: "map",
};

/** Caps on what one expression may be; evaluation of what passes them is bounded by its data. */
const limits = {
  maxAstNodes: 1_000,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 200,
  maxCallArguments: 16,
};

const environments = new Map<string, Environment>();

function environmentOf(visible: readonly Variable[]): Environment {
  const name = [...visible].sort().join();
  let environment = environments.get(name);
  if (environment === undefined) {
    environment = buildEnvironment(visible);
    environments.set(name, environment);
  }
  return environment;
}

function buildEnvironment(visible: readonly Variable[]): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits,
  });
  for (const variable of visible) environment.registerVariable(variable, variables[variable]);
  registerMixedNumbers(environment);
  environment.registerFunction("string.matchesRe2(string): bool", (text: string, pattern: string) =>
    re2(pattern).matcher(text).find(),
  );
  return environment;
}

function registerMixedNumbers(environment: Environment): void {
  const operators: Record<string, (a: number, b: number) => number> = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
    "%": (a, b) => a % b,
  };
  for (const [operator, apply] of Object.entries(operators)) {
    for (const [left, right] of [
      ["int", "double"],
      ["double", "int"],
      ...(operator === "%" ? [["double", "double"]] : []),
    ]) {
      environment.registerOperator(
        `${left} ${operator} ${right}: double`,
        (a: number | bigint, b: number | bigint) => apply(Number(a), Number(b)),
      );
    }
  }
  environment.registerOperator("double == int: bool", (a: number, b: bigint) => a === Number(b));
}

const patterns = new Map<string, RE2JS>();
const PATTERNS_KEPT_MAX = 500;

function re2(pattern: string): RE2JS {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = RE2JS.compile(pattern);
    if (patterns.size >= PATTERNS_KEPT_MAX) patterns.clear();
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/**
 * Parses and type-checks.
 *
 * @throws ExpressionError with what is wrong and at which character
 */
export function compileExpression(source: string, visible: readonly Variable[]): Expression {
  const environment = environmentOf(visible);
  const parsed = guarded(source, () => environment.parse(source));
  const rewritten = rewrite(source, parsed.ast, environment);
  const program = guarded(source, () => environment.parse(rewritten));
  const checked = program.check();
  if (!checked.valid) throw explain(source, checked.error);
  const evaluate = (scope: Scope): Json => {
    try {
      return toJson(program(scope as unknown as Record<string, unknown>));
    } catch (error) {
      throw explain(source, error);
    }
  };
  return Object.assign(evaluate, {
    source,
    type: checked.type ?? "dyn",
    uses: variablesIn(parsed.ast),
  });
}

function guarded<T>(source: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw explain(source, error);
  }
}

function explain(source: string, error: unknown): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const { summary, message, range } = error as {
    summary?: string;
    message?: string;
    range?: { start: number };
  };
  const what = (summary ?? message ?? String(error)).split("\n")[0];
  const where = range === undefined ? "" : `, at character ${range.start + 1}`;
  return new ExpressionError(`${what}${where} of \`${source}\``);
}

/** Puts our `matches` and true division in, by editing the text where the syntax tree says so. */
function rewrite(source: string, ast: ASTNode, environment: Environment): string {
  const edits: { at: number; cut: number; put: string }[] = [];
  visit(ast, (node) => {
    if (node.op === "rcall" && node.args[0] === "matches") {
      const from = node.args[1].end;
      const name = source.indexOf("matches", from);
      edits.push({ at: name, cut: "matches".length, put: "matchesRe2" });
      checkPattern(node.args[2][0]);
    }
    if (node.op === "/" && isWhole(source, node.args[0], environment)) {
      edits.push({ at: node.args[0].start, cut: 0, put: "double(" });
      edits.push({ at: node.args[0].end, cut: 0, put: ")" });
    }
  });
  let text = source;
  for (const edit of edits.sort((a, b) => b.at - a.at)) {
    text = text.slice(0, edit.at) + edit.put + text.slice(edit.at + edit.cut);
  }
  return text;
}

function isWhole(source: string, node: ASTNode, environment: Environment): boolean {
  return environment.check(source.slice(node.start, node.end)).type === "int";
}

function checkPattern(argument: ASTNode | undefined): void {
  if (argument?.op !== "value" || typeof argument.args !== "string") return;
  try {
    re2(argument.args);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionError(`\`${argument.args}\` is not an RE2 pattern: ${why}`);
  }
}

function variablesIn(ast: ASTNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(ast, (node) => {
    if (node.op === "id") names.add(node.args);
  });
  return names;
}

function visit(node: ASTNode, take: (node: ASTNode) => void): void {
  take(node);
  const inside = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(inside);
    else if (typeof part === "object" && part !== null && "op" in part)
      visit(part as ASTNode, take);
  };
  inside(node.args);
}

/** Turns a result into JSON. @throws ExpressionError for what JSON cannot hold */
function toJson(value: unknown): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "bigint":
      return Number(value);
    case "number":
      if (!Number.isFinite(value))
        throw new ExpressionError(`the result is ${value}, not a number`);
      return value;
    case "undefined":
      return null;
    case "object":
      return value === null ? null : objectToJson(value);
    default:
      throw new ExpressionError(`a ${typeof value} cannot be kept as JSON`);
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value()) : null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return entriesToJson(value.entries());
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return plainToJson(value);
  const whole: unknown = value.valueOf();
  if (typeof whole === "bigint" || typeof whole === "number") return toJson(whole);
  throw new ExpressionError("the result is a type, which cannot be kept as JSON");
}

/** Most results are part of an event or a context, JSON already: those are not copied. */
function plainToJson(value: object): Json {
  for (const member of Object.values(value)) {
    if (typeof member === "bigint" || typeof member === "object" || typeof member === "undefined") {
      return entriesToJson(Object.entries(value));
    }
  }
  return value as JsonObject;
}

function entriesToJson(entries: Iterable<[unknown, unknown]>): Json {
  const pairs = Array.from(entries, ([key, member]) => [String(key), toJson(member)] as const);
  return Object.fromEntries(pairs);
}

import type { ASTNode, Environment, ParseResult } from "@marcbachmann/cel-js";
import type { Json, JsonObject } from "../contract/json.ts";
import type { Budget } from "./budget.ts";
import { environmentOf, keepPattern } from "./cel-environment.ts";
import { toJson } from "./cel-json.ts";
import { meter, payFrom } from "./cel-meter.ts";
import { asWritten, type Draft, visit, withOneBranchType, withOurMeanings } from "./cel-rewrite.ts";
import { ExpressionError } from "./expression-error.ts";

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
  /** What is worked out in this scope spends of it; no expression sees it. */
  readonly budget: Budget;
}

export type Variable = Exclude<keyof Scope, "budget"> | "secret";

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

/** Every ?: of an expression may need it, and expressions are capped. */
const BRANCH_EDITS_MAX = 100;
/** Of its text, comments included; cel-js shows the line in each error that it makes. */
const CHARACTERS_MAX = 20_000;

/**
 * Parses and type-checks.
 *
 * @throws ExpressionError with what is wrong and at which character
 */
export function compileExpression(source: string, visible: readonly Variable[]): Expression {
  if (source.length > CHARACTERS_MAX)
    throw new ExpressionError(`an expression has at most ${CHARACTERS_MAX} characters`);
  const environment = environmentOf(visible);
  const written = checked(source, asWritten(source), environment);
  const { ast } = written.program;
  checkPatterns(ast);
  const { draft, program } = checked(source, withOurMeanings(written.draft, ast), environment);
  const nodes = meter(program.ast);
  const evaluate = (scope: Scope): Json => {
    const { budget } = scope;
    try {
      budget.spend(nodes);
      payFrom(budget);
      const value = toJson(program(scope as unknown as Record<string, unknown>));
      if (!budget.isSpent) return value;
    } catch (error) {
      if (!budget.isSpent) throw explain(source, draft, error);
    }
    throw new ExpressionError(`\`${source}\` is more work than the expressions of a step may be`);
  };
  return Object.assign(evaluate, { source, type: written.type, uses: variablesIn(ast) });
}

interface Checked {
  readonly draft: Draft;
  readonly program: ParseResult;
  readonly type: string;
}

/** Parses and type-checks, with whole numbers and fractions mixed where CEL does not mix them. */
function checked(source: string, first: Draft, environment: Environment): Checked {
  let draft = first;
  for (let edits = 0; ; edits++) {
    const program = parse(draft, source, environment);
    const { valid, error, type = "dyn" } = program.check();
    if (valid) return { draft, program, type };
    const next = withOneBranchType(draft, program.ast, error);
    if (next === undefined || edits === BRANCH_EDITS_MAX) throw explain(source, draft, error);
    draft = next;
  }
}

function parse(draft: Draft, source: string, environment: Environment): ParseResult {
  try {
    return environment.parse(draft.text);
  } catch (error) {
    throw explain(source, draft, error);
  }
}

function explain(source: string, draft: Draft, error: unknown): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const { summary, message, range } = error as {
    summary?: string;
    message?: string;
    range?: { start: number };
  };
  const [what = ""] = (summary ?? message ?? String(error)).split("\n");
  const where = range === undefined ? "" : `, at character ${draft.origin(range.start) + 1}`;
  return new ExpressionError(`${what.replace(" * uint", " / number")}${where} of \`${source}\``);
}

function checkPatterns(ast: ASTNode): void {
  visit(ast, (node) => {
    if (node.op === "rcall" && node.args[0] === "matches") checkPattern(node.args[2][0]);
  });
}

function checkPattern(argument: ASTNode | undefined): void {
  if (argument?.op !== "value" || typeof argument.args !== "string") return;
  try {
    keepPattern(argument.args);
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

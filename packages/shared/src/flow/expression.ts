import type { ASTNode, Environment, ParseResult } from "@marcbachmann/cel-js";
import type { Json, JsonObject } from "../contract/json.ts";
import type { Budget } from "./budget.ts";
import { environmentOf, keepPattern } from "./cel-environment.ts";
import { toJson } from "./cel-json.ts";
import { meter, payFrom } from "./cel-meter.ts";
import { asWritten, type Draft, visit, withOneBranchType, withOurMeanings } from "./cel-rewrite.ts";
import { ExpressionError } from "./expression-error.ts";
import { didYouMean } from "./fault.ts";

/** What an expression may look at. */
export interface Scope {
  event: JsonObject;
  context: JsonObject;
  /** The sender where an input is read, a command's own where it is made, else the instance's. */
  thing: JsonObject;
  /** The things of a deployment, by the roles that they are bound to. */
  roles?: JsonObject;
  /** The instance's key; no expression sees it. */
  key?: string;
  /** Levels of the topic that the event arrived on; empty for what came another way. */
  topic: readonly string[];
  /** Log time, ms. */
  now: number;
  params: JsonObject;
  /** What is worked out in this scope spends of it; no expression sees it. */
  readonly budget: Budget;
}

export type Variable = Exclude<keyof Scope, "key" | "budget"> | "secret";

/** What an expression may look at. */
export interface Visible {
  readonly variables: readonly Variable[];
  /** The roles that there are, where `roles` is visible. */
  readonly roles?: ReadonlySet<string>;
}

/** What an input's `thing`, `id` and `key` may look at. */
export const inputVariables: Visible = { variables: ["event", "thing", "topic", "now", "params"] };
/** What a machine's guards, values and texts may look at. */
export const machineVariables: Visible = { variables: [...inputVariables.variables, "context"] };

/** What the machine of a flow with roles may look at: of its things, none is its own. */
export function roleVariables(roles: ReadonlySet<string>): Visible {
  const others = machineVariables.variables.filter((name) => name !== "thing");
  return { variables: [...others, "roles"], roles };
}

/** What the commands of a flow may look at, once it is known whose each of them is. */
export function commandVariables({ variables, ...roles }: Visible): Visible {
  return { variables: [...new Set([...variables, "thing" as const])], ...roles };
}

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
export function compileExpression(source: string, visible: Visible): Expression {
  if (source.length > CHARACTERS_MAX)
    throw new ExpressionError(`an expression has at most ${CHARACTERS_MAX} characters`);
  const environment = environmentOf(visible.variables);
  const written = withHint(visible, () => checked(source, asWritten(source), environment));
  const { ast } = written.program;
  checkPatterns(ast);
  if (visible.roles !== undefined) checkRoles(ast, visible.roles);
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

/** Whoever looks for what another kind of flow has is told where it is in this one. */
function withHint<T>({ roles }: Visible, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { message, code, place } = error;
    if (roles !== undefined && /^Unknown variable: thing\b/.test(message)) {
      const hint = `: a flow with roles has several things, as \`roles.${[...roles][0]}.name\``;
      throw new ExpressionError(message + hint, code, place);
    }
    if (roles === undefined && /^Unknown variable: roles\b/.test(message)) {
      const hint = "; a flow has them where it declares `roles`";
      throw new ExpressionError(message + hint, code, place);
    }
    throw error;
  }
}

function checkRoles(ast: ASTNode, roles: ReadonlySet<string>): void {
  visit(ast, (node) => {
    if (node.op !== "." && node.op !== "[]") return;
    const [of, member] = node.args;
    if (of.op !== "id" || of.args !== "roles") return;
    const name = typeof member === "string" ? member : member.op === "value" && member.args;
    if (typeof name !== "string" || roles.has(name)) return;
    const message = `the flow has no role \`${name}\`${didYouMean(name, roles)}`;
    throw new ExpressionError(message, "unknown-role");
  });
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

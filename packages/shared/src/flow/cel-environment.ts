import { Environment } from "@marcbachmann/cel-js";
import { spend } from "./cel-meter.ts";
import type { Variable } from "./expression.ts";
import { compilePattern, madePattern, matchUnits, type Pattern, patternSize } from "./patterns.ts";

/**
 * CEL, with numbers that behave as JSON numbers do.
 *
 * CEL keeps whole literals as 64-bit integers and JSON's numbers as doubles, and mixes neither: here the
 * mixed overloads exist. `matchesRe2` stands in for `matches`: the stock one backtracks, and took 11 s on
 * `^(a+)+$` against 30 letters.
 */

const variables: Record<Variable, string> = {
  event: "map",
  context: "map",
  thing: "map",
  topic: "list<string>",
  now: "double",
  params: "map",
  roles: "map",
  secret: "map",
};

/** Caps on what one expression may be; what it may cost is counted (cel-meter.ts). */
const limits = {
  maxAstNodes: 1_000,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 200,
  maxCallArguments: 16,
};

const environments = new Map<string, Environment>();

/** CEL with these variables in scope. */
export function environmentOf(visible: readonly Variable[]): Environment {
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
  environment.registerFunction("string.matchesRe2(string): bool", matches);
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
  // What `asDouble` writes behind a number.
  for (const left of ["int", "double"])
    environment.registerOperator(`${left} * uint: double`, (a: number | bigint) => Number(a));
  environment.registerOperator("double == int: bool", (a: number, b: bigint) => a === Number(b));
}

const written = new Map<string, Pattern>();

/** Keeps a pattern that stands in an expression. @throws Error for what is no RE2 pattern */
export function keepPattern(pattern: string): void {
  if (!written.has(pattern)) written.set(pattern, compilePattern(pattern));
}

/** What it costs to compile a pattern, for each character of it and for a size of 1. */
const COMPILE_UNITS = 200;

function matches(text: string, pattern: string): boolean {
  let found = written.get(pattern);
  if (found === undefined) {
    // Compiled before or not: one input has one price.
    spend(COMPILE_UNITS * patternSize(pattern));
    found = madePattern(pattern);
  }
  spend(matchUnits(found, text));
  return found.isIn(text);
}

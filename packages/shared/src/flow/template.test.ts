import { Budget } from "./budget.ts";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../contract/json.ts";
import { machineVariables, type Scope } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import { compileAssigned, compileName, compileText, compileValue } from "./template.ts";

function scopeOf(event: JsonObject): Scope {
  return {
    event,
    context: {},
    thing: { name: "t1" },
    topic: [],
    now: 0,
    params: {},
    budget: new Budget(),
  };
}

const scope = scopeOf({ n: 3, s: "x", none: null, list: [1, { a: 2 }] });

describe("a value with expressions in it", () => {
  test.each<[Json, Json]>([
    ["${event.n}", 3],
    [" ${event.n}", " 3"],
    ["${event.none}", null],
    ["${event.list}", [1, { a: 2 }]],
    ["${event.s}-${event.n}-${event.list}-${event.none}", 'x-3-[1,{"a":2}]-null'],
    ["$${event.n}", "${event.n}"],
    ["${'}'} and ${{'a': 1}.a}", "} and 1"],
    ['${"quoted \\"}"}', 'quoted "}'],
    ["plain $ { }", "plain $ { }"],
    [
      { a: ["${event.n}", { b: "${event.s}" }], c: 1 },
      { a: [3, { b: "x" }], c: 1 },
    ],
    [7, 7],
  ])("%j comes out as %j", (value, result) => {
    expect(compileValue(value, machineVariables)(scope)).toEqual(result);
  });

  test("is constant without any", () => {
    expect(compileValue({ a: [1, "$${x}"] }, machineVariables).constant).toEqual({
      a: [1, "${x}"],
    });
    expect("constant" in compileValue("${event.n}", machineVariables)).toBe(false);
    expect(compileText("a", machineVariables).constant).toBe("a");
  });

  test("knows what it looks at", () => {
    const template = compileValue(
      { a: "${event.n}", b: ["${now} ${thing.name}"] },
      machineVariables,
    );
    expect([...template.uses].sort()).toEqual(["event", "now", "thing"]);
  });

  test("tells where in it a fault stands", () => {
    const error = caught(() => compileValue({ a: [1, { b: "${x}" }] }, machineVariables));
    expect(error).toMatchObject({ code: "expression", place: ["a", 1, "b"] });
    expect(() => compileText("${event.n", machineVariables)).toThrow("has a ${ without its }");
  });
});

describe("a value of an `assign`", () => {
  test("is an expression in every text", () => {
    const template = compileAssigned(
      { a: "event.n", b: ["event.s", 1], c: "'text'" },
      machineVariables,
    );
    expect(template(scope)).toEqual({ a: 3, b: ["x", 1], c: "text" });
  });
});

describe("a name", () => {
  test.each([
    ["site/${event.s}/${event.n}", "site/x/3"],
    ["${thing.name}", "t1"],
    ["plain", "plain"],
    ["${event.none}", ""],
    ["site/${event.none}/light", ""],
    ["${event.?gone}", ""],
  ])("%s comes out as %j: empty where a value in it is null", (text, result) => {
    expect(compileName(text, machineVariables)(scope)).toBe(result);
  });

  test("is refused where a value in it is not there at all", () => {
    expect(() => compileName("${event.gone}", machineVariables)(scope)).toThrow(
      "No such key: gone",
    );
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(ExpressionError);
    return error;
  }
}

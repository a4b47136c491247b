import { Budget } from "./budget.ts";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../contract/json.ts";
import { compileExpression, machineVariables, type Scope } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";

const NOW = 1_767_225_600_000;

function scopeOf(event: JsonObject): Scope {
  const thing = { name: "t1" };
  return {
    event,
    context: { k: 2 },
    thing,
    topic: ["a", "b"],
    now: NOW,
    params: { max: 7 },
    budget: new Budget(),
  };
}

function worked(source: string, event: JsonObject = {}): Json {
  return compileExpression(source, machineVariables)(scopeOf(event));
}

function refusal(work: () => unknown): string {
  try {
    return `gave ${JSON.stringify(work())}`;
  } catch (error) {
    expect(error).toBeInstanceOf(ExpressionError);
    return (error as Error).message;
  }
}

describe("an expression", () => {
  test.each<[string, Json, JsonObject?]>([
    ["event.n / 2", 1.5, { n: 3 }],
    ["7 / 2", 3.5],
    ["7 / 2 / 2", 1.75],
    ["(7 / 2) / (3 / 2)", 7 / 3],
    ["(1 + 2) * 3 / 4", 2.25],
    ["-7 / 2", -3.5],
    ["7 // a comment\n / 2", 3.5],
    ["'a/b' + string(7 / 2)", "a/b3.5"],
    ["([3])[0] / 2", 1.5],
    ["[1, 3].map(x, x / 2)", [0.5, 1.5]],
    ["[[1, 2], [3]].map(l, size(l) / 2)", [1, 0.5]],
    ["[3].exists(x, x / 2 == 1.5)", true],
    ["event.?n.orValue(3) / 2", 1.5],
    ["size(event.list) / 2", 0.5, { list: [1] }],
    ["int('12') / 5", 2.4],
    ["7 % 2", 1],
    ["event.n % 2", 0.5, { n: 2.5 }],
    ["event.n % 2.5", 0.5, { n: 3 }],
    ["1 + 2.5 - 1", 2.5],
    ["2 * 1.5", 3],
    ["size(event.list) * event.n", 5, { list: [1, 2], n: 2.5 }],
    ["event.n + 1", 4, { n: 3 }],
    ["-event.n", -1.5, { n: 1.5 }],
    ["3 == event.n", true, { n: 3 }],
    ["event.n != 3", false, { n: 3 }],
    ["event.n in [1, 2, 3]", true, { n: 3 }],
    ["size(event.list) == event.n", true, { list: [1], n: 1 }],
    ["1 == 1.0", true],
    ["5 < event.n && event.n <= 6.5", true, { n: 6 }],
    ["event.list[event.i]", "y", { list: ["x", "y"], i: 1 }],
    ["event.b ? 1 : 2.5", 1, { b: true }],
    ["event.b ? 2.5 : 1", 1, { b: false }],
    ["event.b ? 7 / 2 : 2", 2, { b: false }],
    ["event.b ? 1 : event.c ? 2.5 : 3", 3, { b: false, c: false }],
    ["event.b ? (1 + 2) * (3) : 0.5", 9, { b: true }],
    ["[1, 2.5]", [1, 2.5]],
    ["9007199254740993", 9_007_199_254_740_992],
    ["0x10", 16],
    ["1e3", 1000],
    ["double('2.5')", 2.5],
    ["int(2.9)", 2],
    ["string(3.0)", "3"],
  ])("reckons as JSON does: %s", (source, result, event) => {
    expect(worked(source, event)).toEqual(result);
  });

  test.each<[string, Json, JsonObject?]>([
    ["event.?lux", null],
    ["event.?lux.orValue(0)", 0],
    ["has(event.lux)", false],
    ["event.m", { a: [1, { b: null }] }, { m: { a: [1, { b: null }] } }],
    ["{'n': 1, 'm': {'k': 2}}", { n: 1, m: { k: 2 } }],
    ["timestamp(0)", "1970-01-01T00:00:00.000Z"],
    ["b'\\x00\\xff'", "AP8="],
    ["duration('90s')", 90_000],
    ["null", null],
    ["now", NOW],
    ["topic[1] + thing.name + string(context.k) + string(params.max)", "bt127"],
    ["event.s.matches('^a+$') && !event.s.matches('b')", true, { s: "aaa" }],
    ["event.s.matches(event.p)", true, { s: "On", p: "(?i)^on$" }],
    ["'matches'.matches('mat')", true],
    ["cel.bind(x, 3, x / 2)", 1.5],
  ])("gives JSON: %s", (source, result, event) => {
    expect(worked(source, event)).toEqual(result);
  });

  test("copies nothing that is JSON already", () => {
    const m = { a: 1 };
    expect(worked("event.m", { m })).toBe(m);
  });

  test("matches in linear time: a matcher that backtracks would not come to an end here", () => {
    expect(worked("event.s.matches('^(a+)+$')", { s: `${"a".repeat(50_000)}!` })).toBe(false);
  });

  test.each<[string, string, JsonObject?]>([
    ["event.nope", "No such key: nope, at character 7 of `event.nope`"],
    ["event.a.matches('x') && event.nope", "at character 31", { a: "x" }],
    ["7 / 2 > 1 && event.nope / 2 > 1", "No such key: nope, at character 20", {}],
    ["1 / 0", "the result is Infinity, not a number"],
    ["event.n % 0", "the result is NaN, not a number", { n: 1 }],
    ["event.s / 2", "no such overload: dyn<string> / number, at character 1", { s: "x" }],
    ["event.n * 2", "no such overload: dyn<null> * int", { n: null }],
    ["type(1)", "the result is a type, which cannot be kept as JSON"],
    ["9223372036854775807 + 1", "integer overflow"],
    ["event.s.matches(event.p)", "error parsing regexp", { s: "x", p: "(" }],
  ])("that cannot be worked out says why: %s", (source, why, event) => {
    const expression = compileExpression(source, machineVariables);
    expect(refusal(() => expression(scopeOf(event ?? {})))).toContain(why);
  });

  test.each([
    ["event.lux <", "Unexpected token: EOF, at character 12 of `event.lux <`"],
    ["lux < 40", "Unknown variable: lux, at character 1 of `lux < 40`"],
    ["secret.token", "Unknown variable: secret"],
    ["1 + 'a'", "no such overload: int + string"],
    ["7 / 2 + ('a' / 2)", "no such overload: string / int, at character 10"],
    ["event.b ? 'a' : 1", "Ternary branches must have the same type, got 'string' and 'int'"],
    ["event.s.matches('(?=x)')", "`(?=x)` is not an RE2 pattern"],
    ["matches('a', 'a')", "found no matching overload"],
    [`[${"1,".repeat(201)}]`, "Exceeded max"],
    [`${"(".repeat(60)}1${")".repeat(60)}`, "Exceeded max"],
    [Array.from({ length: 600 }, () => "1").join(" + "), "Exceeded max"],
  ])("that cannot be compiled says why: %s", (source, why) => {
    expect(refusal(() => compileExpression(source, machineVariables))).toContain(why);
  });

  test("knows its type and what it looks at", () => {
    const guard = compileExpression("event.lux < params.max", machineVariables);
    expect(guard.type).toBe("bool");
    expect([...guard.uses].sort()).toEqual(["event", "params"]);
    expect(compileExpression("event.lux", machineVariables).type).toBe("dyn");
  });
});

import { describe, expect, test } from "vitest";
import type { JsonObject } from "../contract/json.ts";
import { Budget } from "./budget.ts";
import { compileExpression, machineVariables, type Scope } from "./expression.ts";

/** What a device can send in 128 KiB, and what expressions can make of it. */
const ELEMENTS = 20_000;
const event: JsonObject = {
  list: Array.from({ length: ELEMENTS }, (_, i) => i % 10),
  maps: Array.from({ length: ELEMENTS / 10 }, (_, i) => ({ at: i })),
  text: "a".repeat(60_000),
  pattern: "(a|ab|b)".repeat(50),
};

function scopeOf(): Scope {
  const context = { n: 1 };
  const budget = new Budget();
  return { event, context, thing: {}, topic: [], now: 0, params: {}, budget };
}

function workOut(source: string, scope = scopeOf()): unknown {
  return compileExpression(source, machineVariables)(scope);
}

/** `cel.bind`s that each double what the one before it holds. */
function doubled(seed: string, join: (one: string) => string, times: number): string {
  let source = `v${times}`;
  for (let i = times; i > 0; i--)
    source = `cel.bind(v${i}, ${join(i === 1 ? seed : `v${i - 1}`)}, ${source})`;
  return source;
}

const tooMuch = "is more work than the expressions of a step may be";

describe("an expression that is more work than a step may be", () => {
  test.each([
    ["a loop within a loop", "event.list.all(a, event.list.all(b, a + b >= 0))"],
    ["loops that find nothing", "event.list.exists(a, event.list.exists(b, b > 10))"],
    ["loops over literals", `${"[1,2,3,4,5,6,7,8,9].map(x, ".repeat(7)}1${")".repeat(7)}`],
    ["errors that are passed over", "event.list.exists(a, a.gone)"],
    ["errors on the left of an or", "event.list.all(a, a.gone || a.too || true)"],
    ["texts that double", doubled("event.text", (one) => `${one} + ${one}`, 20)],
    ["lists that double", doubled("event.list", (one) => `${one} + ${one}`, 20)],
    ["one list, held by lists over and over", doubled("[1]", (one) => `[${one}, ${one}]`, 22)],
    ["a text that is written for each element", "event.list.map(a, event.text)"],
    ["texts that are joined", "event.list.map(a, event.text).join('')"],
    ["lists that are compared in a loop", "event.maps.all(a, event.maps == event.maps.map(x, x))"],
    ["lists that are searched in a loop", "event.list.all(a, (a + 20.0) in event.list || true)"],
    ["texts that are searched in a loop", "event.list.all(a, !event.text.contains('b'))"],
    ["texts that are cut up in a loop", "event.list.map(a, event.text.split('').size())"],
    ["times in a zone", "event.list.map(a, timestamp(int(a)).getHours('Europe/Berlin'))"],
    ["a large pattern over a long text", "event.text.matches('(a|ab|b){1,300}z')"],
    ["a pattern out of the payload", "event.text.matches(event.pattern)"],
    ["a new pattern in each round", "event.list.map(a, 'x'.matches('a{' + string(a) + '}'))"],
  ])("is refused: %s", (_, source) => {
    expect(() => workOut(source)).toThrow(tooMuch);
  });

  test("is refused although CEL would pass over the error", () => {
    expect(() => workOut("event.list.exists(a, event.list.exists(b, b > 10)) || true")).toThrow(
      tooMuch,
    );
  });

  test("leaves nothing for those after it in the same step, until the next step begins", () => {
    const scope = scopeOf();
    expect(() => workOut("event.list.map(a, event.text)", scope)).toThrow(tooMuch);
    expect(() => workOut("1 + 1", scope)).toThrow(tooMuch);
    scope.budget.renew();
    expect(workOut("1 + 1", scope)).toBe(2);
  });
});

describe("an expression over much data", () => {
  test.each<[source: string, value: unknown]>([
    ["event.list.filter(a, a > 8).size()", ELEMENTS / 10],
    ["event.maps.map(m, {'at': m.at + 1}).size()", ELEMENTS / 10],
    ["event.list.exists_one(a, a > 100)", false],
    ["event.text.matches('^a+$')", true],
    ["event.text.size()", 60_000],
    ["event.list == event.list && event.maps != event.list", true],
  ])("is worked out while it goes through it a few times: %s", (source, value) => {
    expect(workOut(source)).toBe(value);
  });

  test("cannot be what duration() and matches() would take too long for", () => {
    expect(() => workOut("duration(event.text)")).toThrow("duration() takes at most 64 characters");
    expect(() => workOut("'a'.matches('a{1000}' + event.pattern)")).toThrow("pattern is too large");
    expect(() => workOut("'a'.matches('((a{100}){100}){100}')")).toThrow("pattern is too large");
  });

  test("has at most 20,000 characters", () => {
    expect(() => workOut(`1 //${"x".repeat(20_000)}`)).toThrow("at most 20000 characters");
  });
});

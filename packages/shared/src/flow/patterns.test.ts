import * as fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { madePattern, patternSize } from "./patterns.ts";

/** The same each time, but for `npm run soak -- hostile`. */
const seed = Number(process.env["MILLRACE_TEST_HOSTILE_SEED"] ?? 1);

const count = fc.integer({ min: 0, max: 9 });
/** Patterns of everything that has a size, nested. */
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    fc.constantFrom("a", ".", "[a-z]", "[](){}]", "[^]\\]]", "\\(", "\\Q(x{9}\\E", "\\pL", "$"),
    fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => a + b),
    fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie("pattern"), fc.constantFrom("*", "+", "?")).map(([a, how]) => `(?:${a})${how}`),
    fc.tuple(tie("pattern"), count).map(([a, n]) => `(${a}){${n}}`),
    fc.tuple(tie("pattern"), count, count).map(([a, n, more]) => `(?:${a}){${n},${n + more}}`),
    fc.tuple(tie("pattern"), count).map(([a, n]) => `(${a}){${n},}`),
  ),
}));

describe("the size of a pattern", () => {
  test("is known before it is compiled: at least half of what it comes to", () => {
    fc.assert(
      fc.property(pattern, (text) => {
        fc.pre(patternSize(text) < 5_000);
        let compiled: RE2JS;
        try {
          compiled = RE2JS.compile(text);
        } catch {
          return; // a repetition beyond what RE2 takes
        }
        expect(2 * patternSize(text) + 10).toBeGreaterThanOrEqual(compiled.programSize());
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe("patterns that come only once", () => {
  test("do not push out one that is in use", () => {
    const used = madePattern("in-use");
    for (let i = 0; i < 1_000; i++) {
      madePattern(`once-${i}`);
      if (i % 100 === 0) madePattern("in-use");
    }
    expect(madePattern("in-use")).toBe(used);
  });
});

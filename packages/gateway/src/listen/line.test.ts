import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Line } from "./line.ts";

describe("a line", () => {
  test("gives back what it was given, in order, as an array would", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant("push" as const) },
      { weight: 4, arbitrary: fc.constant("shift" as const) },
      { weight: 1, arbitrary: fc.constant("remove" as const) },
    );
    const property = fc.property(fc.array(step, { maxLength: 5_000, size: "max" }), (steps) => {
      const line = new Line<{ n: number }>();
      const model: { n: number }[] = [];
      for (const [n, what] of steps.entries()) {
        if (what === "push") {
          line.push({ n });
          model.push({ n });
        } else if (what === "shift") {
          expect(line.shift()).toEqual(model.shift());
        } else {
          const at = model.findIndex((item) => item.n % 3 === 0);
          const expected = at < 0 ? undefined : model.splice(at, 1)[0];
          expect(line.remove((item) => item.n % 3 === 0)).toEqual(expected);
        }
        expect(line.length).toBe(model.length);
        expect(line.first).toEqual(model[0]);
      }
      expect([...line]).toEqual(model);
    });
    fc.assert(property, { numRuns: 50 });
  });
});

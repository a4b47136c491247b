import * as fc from "fast-check";
import type { JsonObject } from "@millrace/shared/contract/json";
import { Budget } from "@millrace/shared/flow/budget";
import { compileExpression, machineVariables } from "@millrace/shared/flow/expression";
import { ExpressionError } from "@millrace/shared/flow/expression-error";
import { loadFlow } from "@millrace/shared/flow/load";
import { describe, expect, test, vi } from "vitest";
import { bent, draws, hostileJson, hostileText } from "./draws.ts";

// How long it takes depends on how much is drawn, and by how busy a machine.
vi.setConfig({ testTimeout: 600_000 });

/** Expressions and flow files of any kind: worked out or refused in words of ours, and within a budget. */

/** What cel-js is asked to do, and no more than a few times what the budget allows. */
const event: JsonObject = {
  list: Array.from({ length: 3_000 }, (_, i) => i % 7),
  maps: Array.from({ length: 300 }, (_, i) => ({ at: i, name: `n${i}` })),
  text: "ab".repeat(5_000),
};

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie("expression");
  const each = (macro: string) =>
    fc.tuple(inner, inner).map(([of, body]) => `(${of}).${macro}(x, ${body})`);
  return {
    expression: fc.oneof(
      { depthSize: "small", maxDepth: 5 },
      fc.constantFrom(
        "event.list",
        "event.maps",
        "event.text",
        "event",
        "x",
        "context",
        "1",
        "2.5",
      ),
      fc.constantFrom(
        "'a'",
        "'(a|b)*'",
        "true",
        "null",
        "event.gone",
        "event.?gone",
        "b'ab'",
        "now",
      ),
      ...["map", "filter", "all", "exists", "exists_one"].map(each),
      fc
        .tuple(
          inner,
          fc.constantFrom("+", "-", "*", "/", "%", "==", "!=", "<", "in", "&&", "||"),
          inner,
        )
        .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
      fc.tuple(inner, inner, inner).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc.tuple(inner, inner).map(([a, b]) => `cel.bind(x, ${a}, ${b})`),
      fc.tuple(inner, inner).map(([a, b]) => `[${a}, ${b}]`),
      fc.tuple(inner, inner).map(([a, b]) => `{'a': ${a}, 'b': ${b}}`),
      fc
        .tuple(
          fc.constantFrom("size", "string", "int", "double", "bytes", "dyn", "duration", "type"),
          inner,
        )
        .map(([name, of]) => `${name}(${of})`),
      fc
        .tuple(
          inner,
          fc.constantFrom("contains", "matches", "split", "indexOf", "startsWith"),
          inner,
        )
        .map(([a, name, b]) => `(${a}).${name}(string(${b}))`),
      inner.map((a) => `(${a}).join(',')`),
    ),
  };
});

describe("an expression of any kind", () => {
  test("is worked out or refused, and what it makes is JSON that fits into a step's budget", () => {
    let worked = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: expression }, hostileText), (source) => {
        const budget = new Budget();
        const seen = { event, context: {}, thing: {}, topic: ["a"], now: 1, params: {} };
        try {
          const value = compileExpression(
            `cel.bind(x, event.list, ${source})`,
            machineVariables,
          )({ ...seen, budget });
          expect(JSON.stringify(value).length).toBeLessThan(100_000_000);
          expect(budget.isSpent).toBe(false);
          worked += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
        }
      }),
      draws(400),
    );
    expect(worked).toBeGreaterThan(20);
  });
});

const state = {
  on: { go: { target: "b", guard: "event.n > 1", actions: { log: "x ${event.n}" } } },
  after: { "5s": "b" },
  entry: [{ assign: { n: "context.n + 1" } }, { raise: "again" }, { command: "light" }],
  always: { guard: "context.n > 9", target: "b" },
  invoke: { src: "call", input: { url: "http://x/${context.n}" }, onDone: "b" },
};
const file = {
  flow: "x",
  key: "${thing.name}",
  inputs: { go: { topic: "go/+", schema: { type: "object" } } },
  commands: { light: { topic: "light/${thing.name}" } },
  machine: { context: { n: 0 }, initial: "a", states: { a: state, b: { type: "final" } } },
};

describe("a flow file of any kind", () => {
  test("is loaded, or refused with faults that have a place and one line", () => {
    const states = bent(state).map((a) => ({ ...file.machine, states: { a, b: {} } }));
    const machines = fc.oneof(states, bent(file.machine));
    const inputs = bent(file.inputs.go).map((go) => ({ ...file, inputs: { go } }));
    const files = fc.oneof(
      machines.map((machine) => ({ ...file, machine })),
      inputs,
      bent(file),
      hostileJson,
    );
    const texts = fc.oneof(
      { weight: 9, arbitrary: files.map((one) => JSON.stringify(one) ?? "") },
      hostileText,
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { flow, faults } = loadFlow(text, "x.yaml");
        const failed = faults.some(({ severity }) => severity === "error");
        expect(flow === undefined).toBe(failed);
        for (const { line, column, message } of faults) {
          expect([line > 0, column > 0]).toEqual([true, true]);
          expect(message).not.toMatch(/^\s+at /m); // a stack
        }
      }),
      draws(300),
    );
  });
});

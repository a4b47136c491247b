import { describe, expect, test } from "vitest";
import type { Json } from "../contract/json.ts";
import { compilePayloadSchema } from "./payload-schema.ts";
import { SchemaError } from "./schema-error.ts";

describe("a payload's schema", () => {
  test("checks each `pattern` by itself", () => {
    const misfit = compilePayloadSchema({
      properties: { code: { pattern: "^[0-9]{4}$" }, name: { pattern: "^[a-z]+$" } },
    });
    expect(misfit({ code: "2468", name: "ann" })).toBeUndefined();
    expect(misfit({ code: "24x8" })).toBe('payload.code must match pattern "^[0-9]{4}$"');
    expect(misfit({ code: "2468", name: "2468" })).toBe(
      'payload.name must match pattern "^[a-z]+$"',
    );
  });

  test("checks each pattern of `patternProperties` by itself", () => {
    const misfit = compilePayloadSchema({
      patternProperties: { "^n_": { type: "number" }, "^s_": { type: "string" } },
      additionalProperties: false,
    });
    expect(misfit({ n_a: 1, s_a: "x" })).toBeUndefined();
    expect(misfit({ s_a: 1 })).toBe("payload.s_a must be string");
    expect(misfit({ a: 1 })).toBe("payload must NOT have additional properties");
  });

  test("matches patterns in linear time: a matcher that backtracks would not come to an end here", () => {
    const misfit = compilePayloadSchema({ pattern: "^(a+)+$" });
    expect(misfit(`${"a".repeat(50_000)}!`)).toBeDefined();
  });

  test.each([
    ["a required member that `properties` does not name", { required: ["a"] }],
    ["a keyword without its `type`", { properties: { a: { minimum: 1 } } }],
    ["several types", { type: ["string", "number"], minLength: 1 }],
    ["a tuple of open length", { prefixItems: [{ type: "number" }] }],
    ["`if` without `then`", { if: { required: ["a"] } }],
    ["`then` without `if`", JSON.parse('{"then": {"required": ["a"]}}')],
    ["`minContains` without `contains`", { minContains: 1 }],
    [
      "a property that matches a pattern, too",
      { properties: { ab: {} }, patternProperties: { a: {} } },
    ],
    ["what stands for people", { title: "T", $comment: "c", deprecated: true, examples: [1] }],
    [
      "a reference within it",
      { $defs: { n: { type: "number" } }, properties: { a: { $ref: "#/$defs/n" } } },
    ],
    ["a flag that JavaScript has not", { pattern: "(?i)^on$" }],
    ["true", true],
  ] as [string, object | boolean][])("may have %s", (_name, schema) => {
    expect(() => compilePayloadSchema(schema)).not.toThrow();
  });

  test.each([
    ["an unknown keyword", { requried: ["a"] }, 'unknown keyword "requried"'],
    ["an unknown keyword further in", { properties: { a: { typ: "x" } } }, 'unknown keyword "typ"'],
    ["an unknown format", { format: "colour" }, 'unknown format "colour" at "#"'],
    ["an unknown type", { type: "numbr" }, "type must be"],
    [
      "a pattern that is not RE2",
      { properties: { a: { pattern: "(?=x)" } } },
      "`(?=x)` is no RE2 pattern: error parsing",
    ],
    ["a reference to nowhere", { $ref: "#/$defs/gone" }, "can't resolve reference #/$defs/gone"],
    ["more than 100,000 characters", { enum: ["x".repeat(100_000)] }, "100000 is the most"],
    ["a pattern that is too large", { pattern: "(a{1000}){1000}" }, "the pattern is too large"],
    ["a schema that answers later", { $async: true, type: "object" }, "`$async`"],
  ])("cannot have %s", (_name, schema, why) => {
    const error = caught(() => compilePayloadSchema(schema));
    expect(error).toBeInstanceOf(SchemaError);
    expect((error as Error).message).toContain(why);
  });
});

const many = Array.from({ length: 20_000 }, (_, i) => i);
const objects = many.map(() => ({ v: 4_999 }));

/** An object of objects, each with its own in `n`. */
function chain(length: number): Json {
  return length === 0 ? {} : { n: chain(length - 1) };
}

/** Both ways lead on, and neither to an end. */
const forked = { properties: { n: { $ref: "#/$defs/fork" } }, required: ["n"] };
const fork = { anyOf: [forked, { ...forked, title: "again" }] };

describe("a payload that asks much of its schema", () => {
  test.each<[what: string, schema: object, payload: Json]>([
    ["a reference that forks", { $defs: { fork }, $ref: "#/$defs/fork" }, chain(60)],
    [
      "values that are many",
      { items: { enum: many.slice(0, 5_000).map((v) => ({ v })) } },
      objects,
    ],
    ["a pattern over a long text", { pattern: "(a|ab|b){1,300}z" }, "ab".repeat(30_000)],
    [
      "names, each held against patterns",
      { patternProperties: Object.fromEntries(many.slice(0, 60).map((i) => [`a${i}$`, true])) },
      Object.fromEntries(many.map((i) => [`b${i}`, i])),
    ],
    [
      "lists in a list, each held against schemas",
      { items: { allOf: many.slice(0, 50).map((i) => ({ items: { minimum: -i } })) } },
      many.slice(0, 200).map(() => many.slice(0, 200)),
    ],
  ])("does not fit: %s", (_, schema, payload) => {
    expect(compilePayloadSchema(schema)(payload)).toMatch(/^payload is more work/);
  });

  test("does not fit where a schema refers to itself alone", () => {
    expect(compilePayloadSchema({ $ref: "#" })({})).toMatch(/^payload leads its schema deeper/);
  });

  test("fits where it is only large", () => {
    const misfit = compilePayloadSchema({ uniqueItems: true, items: { properties: { a: {} } } });
    expect(misfit(many.map((a) => ({ a, b: [a] })))).toBeUndefined();
    expect(misfit([...many, 7])).toBe("payload must NOT have duplicate items");
    expect(
      misfit([
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ]),
    ).toBe("payload must NOT have duplicate items");
    expect(misfit([1, "1", true, null, [], {}, "true"])).toBeUndefined();
    expect(compilePayloadSchema({ uniqueItems: false })([1, 1])).toBeUndefined();
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

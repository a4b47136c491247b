import { describe, expect, test } from "vitest";
import { compilePayloadSchema, SchemaError } from "./payload-schema.ts";

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
    ["a schema that answers later", { $async: true, type: "object" }, "`$async`"],
  ])("cannot have %s", (_name, schema, why) => {
    const error = caught(() => compilePayloadSchema(schema));
    expect(error).toBeInstanceOf(SchemaError);
    expect((error as Error).message).toContain(why);
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

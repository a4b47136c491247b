import { Ajv2020, type AnySchemaObject, type ErrorObject } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Json, JsonObject } from "../contract/json.ts";
import { Budget } from "./budget.ts";
import { payFrom, spend } from "./cel-meter.ts";
import { compilePattern, matchUnits } from "./patterns.ts";
import { SchemaError } from "./schema-error.ts";
import { areDifferent, unitsOf, WORK_KEYWORD, withWork } from "./schema-work.ts";

/** A payload held against an input's schema. @returns what does not fit, or undefined */
export type Misfit = (payload: Json) => string | undefined;

/**
 * Compiles JSON Schema (2020-12), with RE2 for its patterns. What a payload asks of it is paid for: neither
 * a pattern nor a reference can hang a worker.
 *
 * What is valid JSON Schema is taken as it is written; but a keyword or a format that nobody knows
 * would check nothing, and is an error.
 *
 * @throws SchemaError
 */
export function compilePayloadSchema(schema: boolean | AnySchemaObject): Misfit {
  const unknown: string[] = [];
  const ajv = new Ajv2020({
    strictSchema: "log", // tells of unknown keywords, and of much that is only unusual
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    allowMatchingProperties: true,
    code: { regExp: Object.assign(regExp, { code: "" }) },
    logger: { log: ignore, error: ignore, warn: (told) => keepUnknown(unknown, String(told)) },
  });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addKeyword({
    keyword: WORK_KEYWORD,
    schemaType: "object",
    before: "$ref",
    errors: false,
    compile: (work) => (data: unknown) => {
      spend(unitsOf(work as Parameters<typeof unitsOf>[0], data));
      return true;
    },
  });
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    error: { message: "must NOT have duplicate items" },
    compile: (wanted) => (data: readonly Json[]) => wanted !== true || areDifferent(data),
  });
  const validate = explained(() => ajv.compile(withWork(schema as JsonObject)));
  if (unknown.length > 0) throw new SchemaError(unknown.join("; "));
  if ("$async" in validate) throw new SchemaError("`$async` schemas cannot be used");
  return (payload) => {
    const budget = new Budget();
    try {
      payFrom(budget);
      return validate(payload) ? undefined : writeMisfit(validate.errors?.[0]);
    } catch (error) {
      if (budget.isSpent) return "payload is more work for its schema than a message may be";
      if (error instanceof RangeError) return "payload leads its schema deeper than it can follow";
      throw error;
    }
  };
}

/** Ajv tells patterns apart by their text: without it, the first one of a schema would stand for all. */
function regExp(pattern: string): { test(text: string): boolean; toString(): string } {
  const compiled = explained(() => compilePattern(pattern), `\`${pattern}\` is no RE2 pattern: `);
  const test = (text: string): boolean => {
    spend(matchUnits(compiled, text));
    return compiled.isIn(text);
  };
  return { test, toString: () => pattern };
}

function keepUnknown(unknown: string[], told: string): void {
  const keyword = /unknown keyword: (".*")/.exec(told)?.[1];
  if (keyword !== undefined) unknown.push(`unknown keyword ${keyword}`);
}

function explained<T>(compile: () => T, what = ""): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof SchemaError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SchemaError(what + why.replace(" ignored in schema at path", " at"));
  }
}

function writeMisfit(error: ErrorObject | undefined): string {
  const where = error?.instancePath.replaceAll("/", ".") ?? "";
  return `payload${where} ${error?.message ?? "does not fit"}`;
}

function ignore(): void {}

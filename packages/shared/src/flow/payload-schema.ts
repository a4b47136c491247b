import { Ajv2020, type AnySchemaObject, type ErrorObject } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { RE2JS } from "re2js";
import type { Json } from "../contract/json.ts";

/** A payload held against an input's schema. @returns what does not fit, or undefined */
export type Misfit = (payload: Json) => string | undefined;

/** A schema that cannot be used. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/**
 * Compiles JSON Schema (2020-12), with RE2 for its patterns, so that no pattern can hang a worker.
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
  const validate = explained(() => ajv.compile(schema));
  if (unknown.length > 0) throw new SchemaError(unknown.join("; "));
  if ("$async" in validate) throw new SchemaError("`$async` schemas cannot be used");
  return (payload) => (validate(payload) ? undefined : writeMisfit(validate.errors?.[0]));
}

/** Ajv tells patterns apart by their text: without it, the first one of a schema would stand for all. */
function regExp(pattern: string): { test(text: string): boolean; toString(): string } {
  const compiled = explained(() => RE2JS.compile(pattern), `\`${pattern}\` is no RE2 pattern: `);
  return { test: (text) => compiled.matcher(text).find(), toString: () => pattern };
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

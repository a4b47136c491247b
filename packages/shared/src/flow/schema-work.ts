import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import { SchemaError } from "./schema-error.ts";

/**
 * What it costs to hold a payload against a schema: with references, a few lines of it can ask for more
 * than there is time for. Every schema in a schema gets a keyword of ours, which pays before the rest of
 * it is looked at.
 */
export const WORK_KEYWORD = "x-millrace-work";

/** Units by what is held against a schema. */
interface Work {
  readonly always: number;
  readonly perElement: number;
  readonly perMember: number;
}

const CHARACTERS_MAX = 100_000;

const single = [
  "not",
  "if",
  "then",
  "else",
  "contains",
  "items",
  "additionalProperties",
  "propertyNames",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const listed = ["allOf", "anyOf", "oneOf", "prefixItems"];
const named = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/** Keywords that look at each member's name. */
const byMember = [
  "patternProperties",
  "additionalProperties",
  "propertyNames",
  "unevaluatedProperties",
];

/** @throws SchemaError for a schema that is too large */
export function withWork(schema: boolean | JsonObject): boolean | JsonObject {
  const characters = JSON.stringify(schema).length;
  if (characters > CHARACTERS_MAX)
    throw new SchemaError(`it has ${characters} characters; ${CHARACTERS_MAX} is the most`);
  return weighed(schema) as boolean | JsonObject;
}

function weighed(schema: Json): Json {
  if (!isJsonObject(schema)) return schema;
  const copy: Record<string, Json> = { ...schema, [WORK_KEYWORD]: workOf(schema) };
  for (const name of single) if (schema[name] !== undefined) copy[name] = weighed(schema[name]);
  for (const name of listed) {
    const inner = schema[name];
    if (Array.isArray(inner)) copy[name] = inner.map(weighed);
  }
  for (const name of named) {
    const inner = schema[name];
    if (!isJsonObject(inner)) continue;
    copy[name] = Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, weighed(one)]));
  }
  return copy;
}

function workOf(schema: JsonObject): JsonObject {
  const size = (name: string): number => Object.keys(schema[name] ?? {}).length;
  const text = (name: string): number => JSON.stringify(schema[name] ?? "").length / 8;
  const branches = [...listed, "properties", "required"].reduce((sum, name) => sum + size(name), 0);
  const work: Work = {
    always: 1 + branches + text("enum") + text("const"),
    perElement: 1,
    perMember: byMember.some((name) => name in schema)
      ? 1 + size("properties") + size("patternProperties")
      : 0,
  };
  return { ...work };
}

export function unitsOf({ always, perElement, perMember }: Work, data: unknown): number {
  if (typeof data === "string") return always + data.length / 16;
  if (Array.isArray(data)) return always + data.length * perElement;
  if (perMember === 0 || typeof data !== "object" || data === null) return always;
  return always + Object.keys(data).length * perMember;
}

/** Whether all elements are different, in one pass: held against each other, 20,000 take seconds. */
export function areDifferent(elements: readonly Json[]): boolean {
  return new Set(elements.map(canonical)).size === elements.length;
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name] as Json)}`).join()}}`;
}

/** What JSON can hold; contexts, payloads and outputs are nothing else. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * How deep JSON may be nested that comes in from outside. Whatever walks a value calls itself for each
 * level, and at some thousands of them a process runs out of stack.
 */
const JSON_DEPTH_MAX = 100;

/** @returns what keeps a value from being kept, or undefined; what JSON.parse gives may be too much for JSON */
export function jsonFault(value: Json, depthMax = JSON_DEPTH_MAX): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "it has a number that is too large";
  }
  if (typeof value !== "object" || value === null) return undefined;
  // cel-js takes it for the class of the object, and then no expression can look at any of it.
  if (Object.hasOwn(value, "constructor")) return "it has a member called `constructor`";
  if (depthMax === 0) return `it is nested more than ${JSON_DEPTH_MAX} deep`;
  for (const inner of Object.values(value)) {
    const fault = jsonFault(inner as Json, depthMax - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

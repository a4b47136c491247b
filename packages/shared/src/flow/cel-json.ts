import { Optional } from "@marcbachmann/cel-js";
import type { Json, JsonObject } from "../contract/json.ts";
import { spend } from "./cel-meter.ts";
import { ExpressionError } from "./expression-error.ts";

/** Turns a result into JSON, and pays for all that is written of it. @throws ExpressionError for what JSON cannot hold */
export function toJson(value: unknown): Json {
  spend(1);
  switch (typeof value) {
    case "string":
      spend(value.length / 16);
      return value;
    case "boolean":
      return value;
    case "bigint":
      return Number(value);
    case "number":
      if (!Number.isFinite(value))
        throw new ExpressionError(`the result is ${value}, not a number`);
      return value;
    case "undefined":
      return null;
    case "object":
      return value === null ? null : objectToJson(value);
    default:
      throw new ExpressionError(`a ${typeof value} cannot be kept as JSON`);
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value()) : null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return entriesToJson(value.entries());
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return plainToJson(value);
  const whole: unknown = value.valueOf();
  if (typeof whole === "bigint" || typeof whole === "number") return toJson(whole);
  throw new ExpressionError("the result is a type, which cannot be kept as JSON");
}

/** Most results are part of an event or a context, JSON already: those are not copied. */
function plainToJson(value: object): Json {
  for (const member of Object.values(value)) {
    spend(typeof member === "string" ? 1 + member.length / 16 : 1);
    if (typeof member === "bigint" || typeof member === "object" || typeof member === "undefined") {
      return entriesToJson(Object.entries(value));
    }
  }
  return value as JsonObject;
}

function entriesToJson(entries: Iterable<[unknown, unknown]>): Json {
  const pairs = Array.from(entries, ([key, member]) => [String(key), toJson(member)] as const);
  return Object.fromEntries(pairs);
}

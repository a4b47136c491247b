import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { decode as decodeCbor } from "cbor-x";
import { RE2JS } from "re2js";
import { isJsonObject, type Json } from "../contract/json.ts";
import { ExpressionError, inputVariables } from "./expression.ts";
import type { Faults } from "./fault.ts";
import type { InputFile } from "./schema.ts";
import { compileText, type Template } from "./template.ts";
import { filterFault } from "./topic.ts";

/** One input of a flow, compiled. */
export interface FlowInput {
  readonly name: string;
  readonly filter: string;
  /** Whose event it is; undefined for the publishing client's thing. */
  readonly thing: Template<string> | undefined;
  /** The key of the instance that it goes to, worked out with that thing in scope. */
  readonly key: Template<string>;
  /** What identifies it; an empty text for none. */
  readonly id: Template<string> | undefined;
  readonly format: NonNullable<InputFile["format"]>;
  /** @returns what does not fit the schema, or undefined */
  readonly misfit: ((payload: Json) => string | undefined) | undefined;
}

export function compileInput(
  name: string,
  input: InputFile,
  key: Template<string>,
  faults: Faults,
): FlowInput {
  const at = ["inputs", name];
  const fault = filterFault(input.topic);
  if (fault !== undefined) {
    const code = fault.includes("reserved") ? "reserved" : "topic";
    faults.error(code, [...at, "topic"], `\`${input.topic}\`: ${fault}`);
  }
  const text = (source: string | undefined, path: (string | number)[]) => {
    try {
      return source === undefined ? undefined : compileText(source, inputVariables);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.error(error.code, path, error.message);
      return undefined;
    }
  };
  const misfit = input.schema === undefined ? undefined : compileSchema(name, input.schema, faults);
  return {
    name,
    filter: input.topic,
    thing: text(input.thing, [...at, "thing"]),
    key,
    id: text(input.id, [...at, "id"]),
    format: input.format ?? "json",
    misfit,
  };
}

/** JSON Schema with RE2 for its patterns, so that no pattern can hang a worker. */
function compileSchema(
  name: string,
  schema: NonNullable<InputFile["schema"]>,
  faults: Faults,
): FlowInput["misfit"] {
  const re2 = Object.assign(
    (pattern: string) => {
      const compiled = RE2JS.compile(pattern);
      return { test: (text: string) => compiled.matcher(text).find() };
    },
    { code: "" },
  );
  const ajv = new Ajv2020({ strict: true, allErrors: false, code: { regExp: re2 as never } });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  try {
    const validate: ValidateFunction = ajv.compile(schema as object);
    return (payload) => {
      if (validate(payload)) return undefined;
      const error = validate.errors?.[0];
      return `payload${error?.instancePath.replaceAll("/", ".") ?? ""} ${error?.message ?? "does not fit"}`;
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    faults.error(
      "schema",
      ["inputs", name, "schema"],
      `not a JSON Schema that can be used: ${why}`,
    );
    return undefined;
  }
}

/** A payload that is not what the input says it is. */
export class PayloadError extends Error {
  override readonly name = "PayloadError";
}

/** Reads a payload. @throws PayloadError */
export function readPayload(bytes: Buffer, format: FlowInput["format"]): Json {
  switch (format) {
    case "json":
      return readJson(bytes);
    case "text":
      return bytes.toString("utf8");
    case "bytes":
      return bytes.toString("base64");
    case "cbor":
      return readCbor(bytes);
  }
}

function readJson(bytes: Buffer): Json {
  try {
    return JSON.parse(bytes.toString("utf8")) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PayloadError(`the payload is not JSON: ${why}`);
  }
}

function readCbor(bytes: Buffer): Json {
  try {
    return plain(decodeCbor(bytes));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PayloadError(`the payload is not CBOR: ${why}`);
  }
}

/** CBOR has values that JSON has not: byte strings become base64, whole numbers numbers. */
function plain(value: unknown): Json {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    return Object.fromEntries(Array.from(value, ([key, inner]) => [String(key), plain(inner)]));
  }
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  if (value === undefined) return null;
  if (typeof value === "number" && !Number.isFinite(value)) return null;
  return value as Json;
}

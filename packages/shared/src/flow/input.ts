import { type Json, jsonFault } from "../contract/json.ts";
import { decodeCbor } from "./cbor.ts";
import { inputVariables } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import type { Faults, Path } from "./fault.ts";
import { compilePayloadSchema, type Misfit } from "./payload-schema.ts";
import type { InputFile } from "./schema.ts";
import { SchemaError } from "./schema-error.ts";
import { compileName, type Template } from "./template.ts";
import { filterFault } from "./topic.ts";

/** One input of a flow, compiled. */
export interface FlowInput {
  readonly name: string;
  readonly filter: string;
  /** The role that the sender must be bound to, in a flow with roles. */
  readonly role: string | undefined;
  /** Whose event it is, empty where that is null; undefined for the publishing client's thing. */
  readonly thing: Template<string> | undefined;
  /** The key of the instance that it goes to, worked out with that thing in scope; empty where it is null. */
  readonly key: Template<string>;
  /** What identifies it; an empty text for none. */
  readonly id: Template<string> | undefined;
  readonly format: NonNullable<InputFile["format"]>;
  /** undefined where there is no schema. */
  readonly misfit: Misfit | undefined;
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
  const named = (source: string | undefined, member: string) =>
    source === undefined ? undefined : tryName(source, member, [...at, member], faults);
  const misfit = input.schema === undefined ? undefined : compileSchema(name, input.schema, faults);
  return {
    name,
    filter: input.topic,
    role: input.role,
    thing: named(input.thing, "thing"),
    key,
    id: named(input.id, "id"),
    format: input.format ?? "json",
    misfit,
  };
}

/** Compiles what names an event's thing, key or id: text over the event and its sender. @throws ExpressionError */
export function compileInputName(source: string, what: string): Template<string> {
  const name = compileName(source, inputVariables);
  if (name.constant === "") throw new ExpressionError(`${what} is not empty`, "wrong-value");
  return name;
}

function tryName(
  source: string,
  member: string,
  path: Path,
  faults: Faults,
): Template<string> | undefined {
  try {
    return compileInputName(source, `\`${member}\``);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.error(error.code, path, error.message);
    return undefined;
  }
}

function compileSchema(
  name: string,
  schema: NonNullable<InputFile["schema"]>,
  faults: Faults,
): Misfit | undefined {
  try {
    return compilePayloadSchema(schema);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const message = `not a JSON Schema that can be used: ${error.message}`;
    faults.error("schema", ["inputs", name, "schema"], message);
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
      return kept(readJson(bytes));
    case "text":
      return bytes.toString("utf8");
    case "bytes":
      return bytes.toString("base64");
    case "cbor":
      return kept(readCbor(bytes));
  }
}

function kept(payload: Json): Json {
  const fault = jsonFault(payload);
  if (fault !== undefined) throw new PayloadError(`the payload cannot be kept: ${fault}`);
  return payload;
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
    return decodeCbor(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PayloadError(`the payload is not CBOR: ${why}`);
  }
}

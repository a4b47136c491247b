import { decode } from "cborg";
import { isJsonObject, type Json } from "../contract/json.ts";

/**
 * Payloads in CBOR, as JSON.
 *
 * A tag says only what kind of value follows. One that could refer to other values is not asked what it
 * means: a few hundred bytes of references are a tree that fills the memory.
 */

type Content = () => unknown;

/** A number of more bytes is beyond what a JSON number can be. */
const BIG_NUMBER_BYTES_MAX = 128;

const meanings: Readonly<Record<string, (content: Content) => unknown>> = {
  0: (content) => new Date(String(content())),
  1: (content) => new Date(Number(content()) * 1_000),
  2: (content) => bigNumber(content()),
  3: (content) => -1 - bigNumber(content()),
};

/** By the tag's number; of any other, its content. */
const tags = new Proxy(meanings, {
  get: (known, tag) => known[String(tag)] ?? ((content: Content) => content()),
});

/** @throws Error for what is not CBOR, or has no place in JSON */
export function decodeCbor(bytes: Buffer): Json {
  try {
    return plain(decode(bytes, { useMaps: true, tags: tags as never }));
  } catch (error) {
    if (error instanceof RangeError) throw new Error("it is nested too deep", { cause: error });
    throw error;
  }
}

function bigNumber(bytes: unknown): number {
  if (!(bytes instanceof Uint8Array)) throw new Error("a big number is no byte string");
  if (bytes.length > BIG_NUMBER_BYTES_MAX) throw new Error("a number is too large");
  return Number(`0x0${Buffer.from(bytes).toString("hex")}`);
}

/** CBOR has values that JSON has not: byte strings become base64, whole numbers numbers. */
function plain(value: unknown): Json {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return timeOf(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    return Object.fromEntries(Array.from(value, ([key, inner]) => [nameOf(key), plain(inner)]));
  }
  if (value === undefined) return null;
  if (typeof value === "number" && !Number.isFinite(value)) return null;
  return value as Json;
}

function timeOf(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new Error("a time is none");
  return date.toISOString();
}

function nameOf(key: unknown): string {
  const name = plain(key);
  if (Array.isArray(name) || isJsonObject(name))
    throw new Error("a member's name is no text or number");
  return String(name);
}

import type { CallEffect, CallRequest, SecretText } from "@millrace/shared/contract/effect";
import type { CallAnswer, CallErrorReason } from "@millrace/shared/contract/call-result";
import { type Json, jsonFault } from "@millrace/shared/contract/json";
import type { HttpRequest, HttpResponse } from "@millrace/shared/ports/http-client";
import type { Secrets } from "@millrace/shared/ports/secrets";

/** What a call is as HTTP, and what an answer is to a flow. */

/** A request that cannot be made as it stands; its message is for whoever wrote the flow. */
export class BadRequest extends Error {
  readonly reason: CallErrorReason;

  constructor(reason: CallErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** @throws BadRequest for a secret that there is not */
export async function withSecrets(
  request: CallRequest,
  secrets: Secrets | undefined,
): Promise<CallRequest> {
  if (request.secrets === undefined) return request;
  const filled = structuredClone(request);
  for (const text of request.secrets) put(filled, text.path, await revealed(text, secrets));
  return filled;
}

async function revealed({ parts }: SecretText, secrets: Secrets | undefined): Promise<string> {
  if (secrets === undefined)
    throw new BadRequest("secret", "MILLRACE_SECRETS names no folder of secrets");
  const texts = parts.map(async (part) => {
    if (typeof part === "string") return part;
    const value = await secrets.read(part.secret);
    if (value !== undefined) return value;
    throw new BadRequest("secret", `the folder of MILLRACE_SECRETS has no file ${part.secret}`);
  });
  return (await Promise.all(texts)).join("");
}

/** Every place is there already, with an empty text in it. */
function put(into: object, path: SecretText["path"], text: string): void {
  const inner = path.slice(0, -1).reduce<unknown>((value, key) => member(value, key), into);
  Object.defineProperty(inner, path.at(-1) ?? "", { value: text, enumerable: true });
}

function member(value: unknown, key: string | number): unknown {
  return (value as Record<string | number, unknown>)[key];
}

/** @throws BadRequest */
export function urlOf({ url: text }: CallRequest): URL {
  if (!URL.canParse(text)) throw new BadRequest("invalid", "the URL cannot be read");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new BadRequest("invalid", "the URL must begin with http:// or https://");
  if (url.username !== "" || url.password !== "")
    throw new BadRequest("invalid", "the URL has a user name or password; they go into a header");
  return url;
}

/** Headers that say how a message is carried, which is not for a flow to say. */
const carriers: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The request as it goes out, by an attempt.
 *
 * @param id the effect's: a receiver that keeps it does not do the same twice
 * @throws BadRequest
 */
export function requestOf(
  { method, headers: written, body }: CallRequest,
  {
    url,
    id,
    trace,
  }: { readonly url: URL; readonly id: string; readonly trace: string | undefined },
): Pick<HttpRequest, "method" | "url" | "headers" | "body"> {
  const headers: Record<string, string> = { "user-agent": "millrace" };
  for (const [name, value] of Object.entries(written)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || carriers.has(name.toLowerCase()))
      throw new BadRequest("invalid", `a call cannot have the header ${JSON.stringify(name)}`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new BadRequest("invalid", `the header ${name} has characters that no header can have`);
    headers[name.toLowerCase()] = value;
  }
  if (trace !== undefined) headers["traceparent"] ??= trace;
  headers["idempotency-key"] = id;
  if (body === undefined) return { method, url, headers };
  headers["content-type"] ??= "application/json";
  const isText = typeof body === "string" && !isJson(headers["content-type"]);
  return { method, url, headers, body: isText ? body : JSON.stringify(body) };
}

// ---- the answer

const keptHeaders = [
  "content-encoding",
  "content-type",
  "etag",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "x-request-id",
];

/** Of a header that is kept; it has to fit into an instance. */
const HEADER_CHARACTERS_MAX = 1_024;

export function answerOf({ status, headers, body }: HttpResponse): CallAnswer {
  const kept = keptHeaders.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value.slice(0, HEADER_CHARACTERS_MAX)] as const];
  });
  return { status, headers: Object.fromEntries(kept), body: bodyOf(headers, body ?? Buffer.of()) };
}

/** JSON that cannot be kept as a value is text, too; text that is none is bytes. */
function bodyOf(headers: HttpResponse["headers"], bytes: Buffer): Json {
  if (bytes.length === 0) return null;
  const type = headers["content-type"] ?? "";
  const plain = (headers["content-encoding"] ?? "identity") === "identity";
  const text = plain && (isJson(type) || isText(type)) ? decoded(type, bytes) : undefined;
  if (text === undefined) return bytes.toString("base64");
  const json = isJson(type) ? parsed(text) : undefined;
  return json === undefined ? text : json;
}

function isJson(type: string): boolean {
  return /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type);
}

function isText(type: string): boolean {
  return /^(text\/|application\/([\w.+-]+\+)?(xml|x-www-form-urlencoded|javascript|yaml)\s*(;|$))/i.test(
    type,
  );
}

function decoded(type: string, bytes: Buffer): string | undefined {
  const charset = /;\s*charset="?([\w.:-]+)"?/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parsed(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return jsonFault(value) === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * How long a host asks to be left alone, ms.
 *
 * @param value a number of seconds, or a date
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // Date.parse takes nearly anything for a date, and a date of HTTP begins with its day.
  const ms = /^[A-Z][a-z]{2,8}, /.test(value) ? Date.parse(value) - nowMs : 0;
  return ms > 0 ? ms : 0;
}

/** The host as it may be told: not where a secret may be a part of it. */
export function tellableHost({ secrets }: CallEffect, url: URL): string {
  const written = secrets?.find(({ path }) => path.length === 1 && path[0] === "url")?.parts[0];
  if (written === undefined) return url.host;
  const isWhole = typeof written === "string" && /^https?:\/\/[^/?#\\]+[/?#\\]/i.test(written);
  return isWhole ? url.host : "the host";
}

import type { CallRequest, SecretText } from "../contract/effect.ts";
import { isJsonObject, type Json } from "../contract/json.ts";
import { parseDurationMs } from "../contract/time.ts";
import { type Scope, type Visible } from "./expression.ts";
import { ExpressionError, within } from "./expression-error.ts";
import type { CallConfig } from "./machine-config.ts";
import { compileText, compileValue } from "./template.ts";

const TIMEOUT_MS = 10_000;
const RETRIES = 3;

/** `${secret.name}`, alone in its braces: the only way to mention a secret. */
const secretMention = /\$\{\s*secret\.([A-Za-z_][\w-]*)\s*\}/;

type Place = readonly (string | number)[];
type Render<T> = (scope: Scope, secrets: SecretText[]) => T;

/**
 * Compiles a call's request. Texts with secrets are rendered into `secrets`, with the secret's name in
 * place of its value, which only the dispatcher ever sees.
 *
 * @throws ExpressionError
 */
export function compileCall(call: CallConfig, visible: Visible): (scope: Scope) => CallRequest {
  const url = compileSecretive(call.url, ["url"], visible) as Render<string>;
  const headers = compileSecretive(call.headers ?? {}, ["headers"], visible) as Render<
    Record<string, string>
  >;
  const body = call.body === undefined ? undefined : compileSecretive(call.body, ["body"], visible);
  const timeout = within(["timeout"], () => compileDuration(call.timeout ?? TIMEOUT_MS, visible));
  return (scope) => {
    const secrets: SecretText[] = [];
    return {
      method: call.method ?? (body === undefined ? "GET" : "POST"),
      url: url(scope, secrets),
      headers: headers(scope, secrets),
      ...(body === undefined ? {} : { body: body(scope, secrets) }),
      timeoutMs: timeout(scope),
      retries: call.retries ?? RETRIES,
      ...(secrets.length === 0 ? {} : { secrets }),
    };
  };
}

/** A duration as written. @throws ExpressionError at once or, for `${…}`, when it is worked out */
export function compileDuration(
  duration: string | number,
  visible: Visible,
): (scope: Scope) => number {
  const template = compileValue(duration, visible);
  const read = (value: Json): number => {
    const ms =
      typeof value === "string" || typeof value === "number" ? parseDurationMs(value) : undefined;
    if (ms !== undefined) return ms;
    throw new ExpressionError(`${JSON.stringify(value)} is not a duration`, "duration");
  };
  if (template.constant !== undefined) {
    const ms = read(template.constant);
    return () => ms;
  }
  return (scope) => read(template(scope));
}

function compileSecretive(value: Json, place: Place, visible: Visible): Render<Json> {
  return within(place.slice(-1), () => compileSecretivePart(value, place, visible));
}

function compileSecretivePart(value: Json, place: Place, visible: Visible): Render<Json> {
  if (typeof value === "string") {
    return secretMention.test(value)
      ? compileSecretText(value, place, visible)
      : place[0] === "body"
        ? compileValue(value, visible)
        : compileText(value, visible);
  }
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item, i) =>
      compileSecretive(item, [...place, i], visible),
    );
    return (scope, secrets) => items.map((item) => item(scope, secrets));
  }
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(
      ([key, inner]) => [key, compileSecretive(inner, [...place, key], visible)] as const,
    );
    return (scope, secrets) =>
      Object.fromEntries(members.map(([key, render]) => [key, render(scope, secrets)]));
  }
  return () => value;
}

function compileSecretText(text: string, path: Place, visible: Visible): Render<string> {
  // split() with a group keeps the names: text, name, text, name, …, text
  const parts = text.split(new RegExp(secretMention, "g"));
  const compiled = parts.map((part, i) =>
    i % 2 === 1 ? { secret: part } : compileText(part, visible),
  );
  return (scope, secrets) => {
    secrets.push({
      path,
      parts: compiled.map((part) => (typeof part === "function" ? part(scope) : part)),
    });
    return "";
  };
}

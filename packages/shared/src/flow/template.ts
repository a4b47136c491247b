import { isJsonObject, type Json } from "../contract/json.ts";
import { compileExpression, type Expression, type Scope, type Visible } from "./expression.ts";
import { ExpressionError, within } from "./expression-error.ts";

/**
 * Text and values with `${expression}` in them.
 *
 * A string that is one `${…}` and nothing more keeps the value's type; otherwise values are written
 * into the text. `$${` is a plain `${`.
 */
export interface Template<T extends Json = Json> {
  (scope: Scope): T;
  /** The value, when there is no expression in it. */
  readonly constant?: T;
  readonly uses: ReadonlySet<string>;
}

const nothing: ReadonlySet<string> = new Set();

function constant<T extends Json>(value: T): Template<T> {
  return Object.assign(() => value, { constant: value, uses: nothing });
}

type Part = string | Expression;

/** Cuts text into plain parts and expressions. @throws ExpressionError for a `${` without its `}` */
function partsOf(text: string, visible: Visible): Part[] {
  const parts: Part[] = [];
  let plain = "";
  let i = 0;
  while (i < text.length) {
    if (text.startsWith("$${", i)) {
      plain += "${";
      i += 3;
    } else if (text.startsWith("${", i)) {
      const end = closing(text, i + 2);
      if (plain !== "") parts.push(plain);
      plain = "";
      parts.push(compileExpression(text.slice(i + 2, end).trim(), visible));
      i = end + 1;
    } else {
      plain += text[i];
      i += 1;
    }
  }
  if (plain !== "" || parts.length === 0) parts.push(plain);
  return parts;
}

/** Where the `}` of an expression stands, past strings and maps inside it. */
function closing(text: string, from: number): number {
  let depth = 0;
  let quote = "";
  for (let i = from; i < text.length; i++) {
    const c = text[i] as string;
    if (quote !== "") {
      if (c === "\\") i += 1;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "{") depth += 1;
    else if (c === "}" && depth-- === 0) return i;
  }
  throw new ExpressionError(`\`${text}\` has a \${ without its }`);
}

function written(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function union(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return new Set(sets.flatMap((set) => [...set]));
}

/** Text that is always a string in the end: messages, addresses. */
export function compileText(text: string, visible: Visible): Template<string> {
  return compileParts(text, visible, (parts, scope) =>
    parts.map((part) => (typeof part === "string" ? part : written(part(scope)))).join(""),
  );
}

/**
 * Text that names something: a topic, a thing, a key. A name with a hole in it would be another name:
 * where a value in it is null, it comes out empty.
 */
export function compileName(text: string, visible: Visible): Template<string> {
  return compileParts(text, visible, (parts, scope) => {
    let name = "";
    for (const part of parts) {
      const value = typeof part === "string" ? part : part(scope);
      if (value === null) return "";
      name += written(value);
    }
    return name;
  });
}

function compileParts(
  text: string,
  visible: Visible,
  render: (parts: readonly Part[], scope: Scope) => string,
): Template<string> {
  const parts = partsOf(text, visible);
  if (parts.every((part) => typeof part === "string")) return constant(parts.join(""));
  const plain = parts.filter((part) => typeof part === "string").join("").length;
  const rendered = (scope: Scope): string => {
    scope.budget.spend(plain / 16);
    return render(parts, scope);
  };
  return Object.assign(rendered, {
    uses: union(parts.map((part) => (typeof part === "string" ? nothing : part.uses))),
  });
}

/** A JSON value with expressions in its strings, at any depth. */
export function compileValue(value: Json, visible: Visible): Template {
  if (typeof value === "string") return compileString(value, visible);
  return compileNested(value, (inner) => compileValue(inner, visible));
}

function compileString(text: string, visible: Visible): Template {
  const parts = partsOf(text, visible);
  const [only] = parts;
  if (parts.length === 1 && typeof only === "function") return only;
  return compileText(text, visible);
}

/** A JSON value whose strings, at any depth, are expressions: the values of an `assign`. */
export function compileAssigned(value: Json, visible: Visible): Template {
  if (typeof value === "string") return compileExpression(value, visible);
  return compileNested(value, (inner) => compileAssigned(inner, visible));
}

function compileNested(value: Exclude<Json, string>, compile: (inner: Json) => Template): Template {
  if (Array.isArray(value)) {
    const items = value.map((item: Json, i) => within([i], () => compile(item)));
    return whole(items, (scope) => items.map((item) => item(scope)));
  }
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(
      ([key, inner]) => [key, within([key], () => compile(inner))] as const,
    );
    return whole(
      members.map(([, template]) => template),
      (scope) => Object.fromEntries(members.map(([key, template]) => [key, template(scope)])),
    );
  }
  return constant(value);
}

function whole(parts: readonly Template[], render: (scope: Scope) => Json): Template {
  if (parts.every((part) => "constant" in part)) return constant(render(undefined as never));
  return Object.assign(render, { uses: union(parts.map((part) => part.uses)) });
}

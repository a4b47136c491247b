import { flowJsonSchema } from "@millrace/shared/flow/schema";

/**
 * Which members of the flow language a set of files uses, by the language's own JSON Schema: a member
 * that is new there must be shown on the page.
 *
 * A member is named by the members that stand beside it, `start` of `description, flow, inputs, …`:
 * that tells a command's `topic` from an input's.
 */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
}

const root = flowJsonSchema() as Schema & { readonly $defs: Readonly<Record<string, Schema>> };

/** What only the machine has, and every other state has not: apart from it they are one thing. */
const ofMachine: ReadonlySet<string> = new Set(["context", "version"]);

/** Every member that a flow file may have, and every word that one may hold. */
export function members(): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<Schema>();
  const walk = (schema: Schema): void => {
    const own = resolve(schema);
    if (seen.has(own)) return;
    seen.add(own);
    for (const [name, inner] of Object.entries(own.properties ?? {})) {
      found.add(nameOf(own, name));
      for (const word of wordsOf(inner)) found.add(`${nameOf(own, name)} = ${word}`);
    }
    for (const inner of insideOf(own)) walk(inner);
  };
  walk(root);
  return found;
}

/** Those of them that a file uses. */
export function membersIn(file: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const walk = (schema: Schema, value: unknown): void => {
    const own = resolve(schema);
    for (const branch of own.anyOf ?? []) if (fits(branch, value)) walk(branch, value);
    if (Array.isArray(value)) {
      for (const item of value) if (own.items !== undefined) walk(own.items, item);
    } else if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) {
        const member = own.properties?.[name];
        if (member === undefined) {
          if (isObject(own.additionalProperties)) walk(own.additionalProperties, inner);
          continue;
        }
        found.add(nameOf(own, name));
        if (wordsOf(member).includes(String(inner)))
          found.add(`${nameOf(own, name)} = ${String(inner)}`);
        walk(member, inner);
      }
    }
  };
  walk(root, file);
  return found;
}

function resolve(schema: Schema): Schema {
  const name = schema.$ref?.replace("#/$defs/", "");
  if (name === undefined) return schema;
  const found = root.$defs[name];
  if (found === undefined) throw new Error(`the schema has no ${name}`);
  return resolve(found);
}

function insideOf(schema: Schema): Schema[] {
  return [
    ...Object.values(schema.properties ?? {}),
    ...(schema.anyOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(isObject(schema.additionalProperties) ? [schema.additionalProperties] : []),
  ];
}

/** Words that a text may be; those of HTTP and of logs are known well enough. */
function wordsOf(schema: Schema): readonly string[] {
  const words = schema.enum ?? (schema.anyOf ?? []).flatMap((branch) => branch.enum ?? []);
  return words.includes("GET") || words.includes("debug") ? [] : words.map(String);
}

function nameOf(schema: Schema, member: string): string {
  const beside = Object.keys(schema.properties ?? {}).filter((name) => !ofMachine.has(name));
  return `${member} of {${ofMachine.has(member) ? "machine" : beside.join(", ")}}`;
}

/** Whether a value may be meant by one form of several: an object, by its members. */
function fits(schema: Schema, value: unknown): boolean {
  const own = resolve(schema);
  if (own.anyOf !== undefined) return own.anyOf.some((branch) => fits(branch, value));
  if (Array.isArray(value)) return own.items !== undefined;
  if (!isObject(value)) return own.type !== "object" && own.type !== "array";
  if (own.type !== "object") return false;
  const needed = (own.required ?? []).every((name) => name in value);
  const { properties } = own;
  const open = properties === undefined || isObject(own.additionalProperties);
  const known = open || Object.keys(value).every((name) => name in properties);
  return needed && known;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> & object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

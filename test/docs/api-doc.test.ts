import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openApiOf } from "@millrace/gateway/api/openapi";
import type { Operations } from "@millrace/gateway/api/operations";
import { routesOf } from "@millrace/gateway/api/routes";
import { expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";

/** What docs/api.md says of all routes is so for all, but for those that it names. */

const text = readFileSync(join(root, "docs/api.md"), "utf8");

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string }[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

const document = openApiOf(routesOf({} as Operations)) as {
  readonly paths: Readonly<Record<string, { readonly get?: Operation }>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

function propertiesOf({ responses }: Operation): Readonly<Record<string, Schema>> {
  const schema = responses["200"]?.content?.["application/json"]?.schema;
  const name = schema?.$ref?.split("/").at(-1);
  return (name === undefined ? schema : document.components.schemas[name])?.properties ?? {};
}

test("pages are alike, but for those that are named", () => {
  const pages = Object.entries(document.paths).flatMap(([path, { get }]) =>
    get !== undefined && "next" in propertiesOf(get) ? [{ path, get }] : [],
  );
  const unlike = pages.filter(({ get }) => {
    const { items, next } = propertiesOf(get);
    const taken = (get.parameters ?? []).map(({ name }) => name);
    const isAlike = items?.type === "array" && next?.type === "string";
    return !isAlike || !taken.includes("limit") || !taken.includes("cursor");
  });
  expect(pages.length - unlike.length).toBeGreaterThan(2);
  const rule = /^- \*\*Pages\*\*[^]*?(?=^- )/m.exec(text)?.[0] ?? "";
  const named = Array.from(rule.matchAll(/`GET (\S+)`/g), ([, path = ""]) => path);
  expect(named.toSorted()).toEqual(unlike.map(({ path }) => path).toSorted());
});

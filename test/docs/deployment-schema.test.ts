import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import { deploymentJsonSchema, isDeployment } from "@millrace/shared/flow/deployment-file";
import { loadFile } from "@millrace/shared/flow/load";
import { compilePayloadSchema } from "@millrace/shared/flow/payload-schema";
import { parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { readPage } from "./page.ts";

/** The JSON Schema that editors complete deployments by: it takes what the loader takes. */

const page = readPage(join(root, "docs/flows.md"));
const schema = deploymentJsonSchema() as JsonObject;
const misfit = compilePayloadSchema(schema);

const files = [
  ...globSync("*.{yaml,yml,json}", { cwd: join(root, "examples") }).map((file) => ({
    name: `examples/${file}`,
    text: readFileSync(join(root, "examples", file), "utf8"),
  })),
  ...page.examples
    .flatMap(({ deployments }) => deployments)
    .map(({ line, text }) => ({ name: `docs/flows.md:${line}`, text })),
];
const good = files
  .filter(({ text, name }) => loadFile(text, name).deployments.length > 0)
  .flatMap(({ text, name }) =>
    parseAllDocuments(text).flatMap((one) => {
      const content = one.toJS() as Json;
      return isDeployment(content) ? [{ name, content }] : [];
    }),
  );

const things = { sensor: "s1" };

describe("the JSON Schema of a deployment file", () => {
  test("is shipped as it is generated (else: millrace deployment schema > packages/shared/deployment.schema.json)", () => {
    const shipped = readFileSync(join(root, "packages/shared/deployment.schema.json"), "utf8");
    expect(JSON.parse(shipped)).toEqual(schema);
  });

  test.each(good)("takes a deployment in $name", ({ content }) => {
    expect(misfit(content)).toBeUndefined();
  });

  test("has no member that docs/flows.md does not show", () => {
    const shown = new Set(good.flatMap(({ content }) => Object.keys(content as JsonObject)));
    expect(
      Object.keys(schema["properties"] as JsonObject).filter((one) => !shown.has(one)),
    ).toEqual([]);
  });

  test.each<[string, JsonObject]>([
    ["a member that there is not", { deployment: "d", flow: "f", things, thing: "s1" }],
    ["no flow", { deployment: "d", things }],
    ["a name that is none", { deployment: "front door", flow: "f", things }],
    ["a thing without a name", { deployment: "d", flow: "f", things: { sensor: "" } }],
    [
      "a thing with too long a name",
      { deployment: "d", flow: "f", things: { s: "x".repeat(257) } },
    ],
    ["things that are no names", { deployment: "d", flow: "f", things: { sensor: 1 } }],
  ])("refuses %s, as the loader does", (_name, file) => {
    expect(misfit(file)).toBeDefined();
    expect(loadFile(JSON.stringify(file), "x.json").deployments).toEqual([]);
  });
});

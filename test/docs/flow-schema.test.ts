import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import { loadFlow } from "@millrace/shared/flow/load";
import { compilePayloadSchema } from "@millrace/shared/flow/payload-schema";
import { flowJsonSchema } from "@millrace/shared/flow/schema";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { readPage } from "./page.ts";

/** The JSON Schema that editors complete by: it takes what the loader takes, and is small enough to ship. */

const BYTES_MAX = 30_000;

const page = readPage(join(root, "docs/flows.md"));
const misfit = compilePayloadSchema(flowJsonSchema());

const good = [
  ...globSync("*.{yaml,yml,json}", { cwd: join(root, "examples") })
    .map((file) => ({
      name: `examples/${file}`,
      text: readFileSync(join(root, "examples", file), "utf8"),
    }))
    .filter(({ text, name }) => loadFlow(text, name).flow !== undefined),
  ...page.examples
    .flatMap(({ flows }) => flows)
    .map(({ line, text }) => ({ name: `docs/flows.md:${line}`, text })),
];

describe("the JSON Schema of a flow file", () => {
  test("is shipped as it is generated (else: millrace flow schema > packages/shared/flow.schema.json)", () => {
    const shipped = readFileSync(join(root, "packages/shared/flow.schema.json"), "utf8");
    expect(JSON.parse(shipped)).toEqual(JSON.parse(JSON.stringify(flowJsonSchema())));
  });

  test(`has at most ${BYTES_MAX} characters as it is printed`, () => {
    expect(JSON.stringify(flowJsonSchema(), undefined, 2).length).toBeLessThan(BYTES_MAX);
  });

  test.each(good)("takes $name", ({ text, name }) => {
    const { flow } = loadFlow(text, name);
    expect(misfit(flow?.file as Json)).toBeUndefined();
  });

  test.each<[string, JsonObject]>([
    ["a member that there is not", { flow: "x", machin: {}, machine: {} }],
    ["no machine", { flow: "x" }],
    ["a transition with a number for a target", { flow: "x", machine: { on: { e: 5 } } }],
    [
      "an action that there is not, deep in",
      { flow: "x", machine: nested({ entry: { spawn: "y" } }) },
    ],
    [
      "another thing to invoke",
      { flow: "x", machine: { invoke: { src: "fetch", input: { url: "u" } } } },
    ],
    ["a raised event without a type", { flow: "x", machine: { entry: { raise: { a: 1 } } } }],
  ])("refuses %s, as the loader does", (_name, file) => {
    expect(misfit(file)).toBeDefined();
    expect(loadFlow(JSON.stringify(file), "x.json").flow).toBeUndefined();
  });
});

function nested(state: JsonObject): JsonObject {
  return { initial: "a", states: { a: { initial: "b", states: { b: state } } } };
}

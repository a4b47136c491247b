import { readFileSync } from "node:fs";
import { join } from "node:path";
import { catalogue } from "@millrace/shared/errors/catalogue";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";

/** The pages of docs/errors/ tell an operator what happened, what it means, what to do, and the facts. */

const codes = Object.keys(catalogue);
const source = readFileSync(join(root, "packages/shared/src/errors/catalogue.ts"), "utf8");

describe("the page of an error", () => {
  test.each(codes)("%s has its four parts", (code) => {
    const headings = pageOf(code).match(/^## .*$/gm);
    expect(headings).toEqual(["## What it means for your data", "## What to do", "## Facts"]);
    expect(pageOf(code)).toMatch(/^1\. /m);
  });

  test.each(codes)("%s explains every fact that the error carries, and no other", (code) => {
    const explained = Array.from(pageOf(code).matchAll(/^\| `(\w+)` /gm), ([, name]) => name);
    expect(explained).toEqual(factsOf(code));
  });
});

function pageOf(code: string): string {
  return readFileSync(join(root, "docs/errors", `${code}.md`), "utf8");
}

/** `["host", "port"]` of `"START-001": { host: string; port: number };` */
function factsOf(code: string): string[] {
  const facts = new RegExp(`^  "${code}": (\\{[^}]*\\}|.*);$`, "m").exec(
    source.split("interface ErrorFacts")[1] ?? "",
  );
  return Array.from((facts?.[1] ?? "").matchAll(/(\w+)\??: /g), ([, name = ""]) => name);
}

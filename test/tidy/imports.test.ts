import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { brokenRules, importRules } from "./import-rules.ts";
import { type Import, importsIn, root, type SourceFile, sourceFiles } from "./source-files.ts";

const files = sourceFiles();
const imports = files.flatMap((file) => file.imports.map((each) => ({ file, each })));

describe("imports", () => {
  test("are seen at all", () => {
    // A scan that finds nothing breaks no rule; these are well below what there is.
    expect(files.length).toBeGreaterThan(20);
    expect(imports.length).toBeGreaterThan(40);
  });

  test("point one way", () => {
    expect(brokenRules(files, importRules)).toEqual([]);
  });

  test("end with .ts where they are relative, and name a file", () => {
    expect(
      imports.filter(({ each }) => isRelative(each) && !namesSource(each)).map(sentence),
    ).toEqual([]);
  });

  test("reach another package by its name, never by a path", () => {
    const astray = imports.filter(
      ({ file, each }) => isRelative(each) && packageOf(each.target) !== packageOf(file.path),
    );
    expect(astray.map(sentence)).toEqual([]);
  });
});

describe("the scan for imports", () => {
  test("sees every way to write one", () => {
    const text = [
      'import { a,\n  b } from "./a.ts";',
      'import type { C } from "@millrace/shared/contract/c";',
      'import "./effect.ts";',
      'export * from "../d.ts";',
      'export { e } from "node:e";',
      'const f = await import("kafkajs");',
      'const text = "no import";',
    ].join("\n");
    expect(importsIn("packages/engine/src/runtime/x.ts", text).map(({ target }) => target)).toEqual(
      [
        "packages/engine/src/runtime/a.ts",
        "packages/shared/src/contract/c.ts",
        "packages/engine/src/runtime/effect.ts",
        "packages/engine/src/d.ts",
        "node:e",
        "kafkajs",
      ],
    );
  });

  test.each([
    ["packages/shared/src/core/x.ts", 'import { readFileSync } from "node:fs";'],
    ["packages/shared/src/ports/x.ts", 'import { y } from "../adapters/memory/y.ts";'],
    ["packages/shared/src/adapters/kafka/x.ts", 'import { y } from "../../core/decide/y.ts";'],
    ["packages/engine/src/runtime/x.ts", 'import { y } from "@millrace/shared/adapters/kafka/y";'],
    ["packages/engine/src/runtime/x.ts", 'import { y } from "../main/y.ts";'],
    ["packages/engine/src/dispatch/x.ts", 'import { Kafka } from "kafkajs";'],
    ["packages/gateway/src/api/x.ts", 'import type { Y } from "@millrace/engine/runtime/y";'],
    ["packages/gateway/src/admit/x.ts", 'export { y } from "../listen/y.ts";'],
  ])("finds what breaks a rule in %s: %s", (path, text) => {
    const file: SourceFile = { path, text, imports: importsIn(path, text) };
    expect(brokenRules([file], importRules)).toHaveLength(1);
  });
});

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith(".");
}

function namesSource({ specifier, target }: Import): boolean {
  return specifier.endsWith(".ts") && existsSync(join(root, target));
}

function packageOf(path: string): string {
  return path.split("/", 2).join("/");
}

function sentence({ file, each }: { file: SourceFile; each: Import }): string {
  return `${file.path} imports "${each.specifier}"`;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, type SourceFile, sourceFiles } from "./source-files.ts";

const linesMax = 400;

describe("source files", () => {
  test(`of more than ${linesMax} lines say in their first comment why they are one piece`, () => {
    const long = sourceFiles().filter(({ text }) => text.split("\n").length > linesMax);
    expect(long.filter((file) => !saysWhy(file)).map(({ path }) => path)).toEqual([]);
  });
});

describe("package-lock.json", () => {
  test("names no download addresses, so that every registry mirror serves", () => {
    expect(readFileSync(join(root, "package-lock.json"), "utf8")).not.toMatch(/"resolved": "http/);
  });
});

function saysWhy({ text }: SourceFile): boolean {
  const header = /^\s*(\/\*[\s\S]*?\*\/|(\/\/.*\n)+)/.exec(text)?.[0] ?? "";
  return /one (piece|file|table|machine|grammar|whole)/.test(
    header.replace(/\s*\n\s*\**\s*/g, " "),
  );
}

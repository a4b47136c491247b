import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { catalogue, type ErrorCode } from "@millrace/shared/errors/catalogue";
import { describe, expect, test } from "vitest";
import { filesNamed, root, sourceFiles } from "./source-files.ts";

const codes = Object.keys(catalogue) as ErrorCode[];

describe("the catalogue of errors", () => {
  test("has a page in docs/errors for every code, and no page is left over", () => {
    const pages = filesNamed("docs/errors/*-*.md").map((path) => basename(path, ".md"));
    expect(pages.sort()).toEqual([...codes].sort());
  });

  test("is quoted by the first line of each page", () => {
    const astray = codes.filter((code) => {
      const page = join(root, "docs/errors", `${code}.md`);
      return existsSync(page) && firstLine(page) !== `# ${code}: ${catalogue[code].title}`;
    });
    expect(astray).toEqual([]);
  });

  test("holds no code that nothing raises", () => {
    const raising = sourceFiles().filter(({ path }) => !path.endsWith("errors/catalogue.ts"));
    const text = raising.map((file) => file.text).join("\n");
    expect(codes.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
  });
});

function firstLine(file: string): string {
  return readFileSync(file, "utf8").split("\n", 1)[0] ?? "";
}

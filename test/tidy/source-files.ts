import { globSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

export interface SourceFile {
  /** From the root, with `/`: `packages/shared/src/errors/assert.ts` */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** The file of ours that it means, from the root; for all else the specifier. */
  readonly target: string;
}

/** What is built and shipped: the sources of all packages without their tests. */
export function sourceFiles(): readonly SourceFile[] {
  const paths = globSync("packages/*/src/**/*.ts", { cwd: root }).filter(
    (path) => !path.endsWith(".test.ts"),
  );
  return paths.map((path) => readSource(path.replaceAll("\\", "/"))).sort(byPath);
}

export function filesNamed(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: root }).map((path) => relative(root, join(root, path)));
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : 1;
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, imports: importsIn(path, text) };
}

/** `… from "x"` of an import or export, `import "x"` and `import("x")`; the formatter leaves no other quotes. */
const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^;"]*?\bfrom\s*"([^"]+)"|\bimport\s*\(?\s*"([^"]+)"/g;

export function importsIn(path: string, text: string): readonly Import[] {
  return Array.from(text.matchAll(importPattern), ([, from, bare]) => {
    const specifier = from ?? bare ?? "";
    return { specifier, target: targetOf(path, specifier) };
  });
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
  const ours = /^@millrace\/([^/]+)\/(.+)$/.exec(specifier);
  return ours ? `packages/${ours[1]}/src/${ours[2]}.ts` : specifier;
}

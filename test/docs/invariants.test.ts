import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";

/**
 * The numbered invariants: each one that a source names stands in docs/architecture.md under its file,
 * and the other way round. Numbers belong to their file, so an invariant is `path number`.
 */
const page = "docs/architecture.md";

/** ` *   R1 a record counts if …` states one, `(invariant P1)` speaks of one. */
const stated = /^ \* +([A-Z]\d+) \S/gm;
const mentioned = /\binvariant ([A-Z]\d+)\b/g;

const inSources = globSync("packages/*/src/**/*.ts", { cwd: root })
  .filter((path) => !path.endsWith(".test.ts"))
  .flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const names = [...text.matchAll(stated), ...text.matchAll(mentioned)];
    return names.map(([, name = ""]) => `${path} ${name}`);
  });

interface Row {
  readonly invariant: string;
  readonly attackedBy: string;
}

/** The rows below each "Kept by [file](path)." */
function rowsOfPage(): readonly Row[] {
  const rows: Row[] = [];
  let path = "";
  for (const line of readFileSync(join(root, page), "utf8").split("\n")) {
    path = fileLinkedIn(/^Kept by \[.+?\]\((.+?)\)/.exec(line)?.[1]) ?? path;
    const [, name, attackedBy] = /^\| \*\*(.+?)\*\* +\| .+ \| (.+?) +\|$/.exec(line) ?? [];
    if (name === undefined || attackedBy === undefined) continue;
    rows.push({ invariant: `${path} ${name}`, attackedBy });
  }
  return rows;
}

function fileLinkedIn(link: string | undefined): string | undefined {
  return link === undefined ? undefined : join(dirname(page), link);
}

describe("the invariants of docs/architecture.md", () => {
  const rows = rowsOfPage();

  test("are those that the sources name, each once", () => {
    expect(rows.map(({ invariant }) => invariant).sort()).toEqual([...new Set(inSources)].sort());
    expect(rows.length).toBeGreaterThan(50);
  });

  test("name the test that attacks them, or say that there is none", () => {
    const silent = rows.filter(
      ({ attackedBy }) => !/^the same|none of its own|\.\.\//.test(attackedBy),
    );
    expect(silent).toEqual([]);
  });
});

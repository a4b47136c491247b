import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { invariantRows } from "./invariant-rows.ts";

/**
 * The numbered invariants: each one that a source names stands in docs/architecture.md under its file,
 * and the other way round. Numbers belong to their file, so an invariant is `path number`.
 */

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

/** Other pages name an invariant with its file: `W1 and W2 of [events-writer.ts](…)`. */
const named = /\b([A-Z]\d+(?:(?:, | and )[A-Z]\d+)*) of \[[^\]]+\]\(([^)\s]+)\)/g;

function namedIn(file: string): readonly string[] {
  return invariantsOf(readFileSync(join(root, file), "utf8"), dirname(file));
}

function invariantsOf(text: string, folder: string): readonly string[] {
  return [...text.matchAll(named)].flatMap(([, numbers = "", path = ""]) =>
    numbers.split(/, | and /).map((number) => `${join(folder, path)} ${number}`),
  );
}

/** What a test says that it attacks: `Attacks: T1 and T4 of tenure.ts; S1 of committer.ts.` */
const attacks = /Attacks: (.*?\.ts)\.\s/;
const attacked = /\b([A-Z]\d+(?:(?:, | and )[A-Z]\d+)*) of ([\w-]+\.ts)/g;

/** Each invariant that a test says it attacks, as `test: file number`. */
function attackedInTests(): readonly string[] {
  const files = globSync(["test/**/*.ts", "packages/*/src/**/*.ts"], { cwd: root });
  return files
    .filter((file) => /\.(test|suite|soak)\.ts$/.test(file))
    .flatMap((file) => {
      // It may go over several lines of a comment.
      const lines = readFileSync(join(root, file), "utf8").replaceAll("\n * ", " ");
      const [, said = ""] = attacks.exec(lines) ?? [];
      return [...said.matchAll(attacked)].flatMap(([, numbers = "", of = ""]) =>
        numbers.split(/, | and /).map((number) => `${file}: ${of} ${number}`),
      );
    });
}

/** Where a cell links to, from the root. */
function linksIn(cell: string): readonly string[] {
  return Array.from(cell.matchAll(/\]\((\S+?\.ts)\)/g), ([, link = ""]) => join("docs", link));
}

/** Cells of the rows under "What is promised", without those that rule it. */
function promises(): readonly (readonly string[])[] {
  const text = readFileSync(join(root, "docs/reliability.md"), "utf8");
  const [, section = ""] = /^## What is promised$(.*?)^## /ms.exec(text) ?? [];
  const lines = section.split("\n").filter((line) => /^\| (?!clause|-)/.test(line));
  return lines.map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

describe("the invariants of docs/architecture.md", () => {
  const rows = invariantRows();

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

  test("are named by the tests that attack them, and by no others", () => {
    const linked = rows.flatMap(({ invariant, tests }) =>
      tests.map((test) => `${test}: ${basename(invariant)}`),
    );
    expect([...attackedInTests()].sort()).toEqual([...new Set(linked)].sort());
    expect(linked.length).toBeGreaterThan(80);
  });

  test.each(["README.md", ...globSync("docs/**/*.md", { cwd: root }).sort()])(
    "are what %s means where it names one",
    (file) => {
      const known = new Set(rows.map(({ invariant }) => invariant));
      expect(namedIn(file).filter((one) => !known.has(one))).toEqual([]);
    },
  );
});

describe("each clause of what is promised", () => {
  const clauses = promises();
  const rows = new Map(invariantRows().map((row) => [row.invariant, row]));

  test("stands in the table of docs/reliability.md", () => {
    expect(clauses.length).toBeGreaterThan(8);
    expect(namedIn("docs/reliability.md").length).toBeGreaterThan(15);
  });

  test.each(clauses)(
    "%s: has what keeps it, and tests that attack it",
    (_, kept = "", code = "", tests = "") => {
      expect(kept).toMatch(/[A-Z]\d+ of \[/);
      expect(code).toMatch(/\]\(\.\.\/packages\/\S+\.ts\)/);
      expect(tests).toMatch(/\]\(\.\.\/\S+\.(test|soak|suite)\.ts\)/);
      const [inCode, inTests] = [linksIn(code), linksIn(tests)];
      for (const invariant of invariantsOf(kept, "docs")) {
        expect(inCode).toContain(invariant.split(" ")[0]);
        const row = rows.get(invariant);
        // One that no test attacks but the mutants has them in its own row.
        if (row === undefined || row.tests.length === 0) continue;
        const shared = row.tests.filter((one) => inTests.includes(one));
        expect([invariant, shared.length > 0]).toEqual([invariant, true]);
      }
    },
  );
});

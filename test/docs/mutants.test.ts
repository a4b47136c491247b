import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mutants } from "../simulation/mutants/mutants.ts";
import { root } from "../tidy/source-files.ts";

/** Rows of the tables under "Mutants" in docs/reliability.md, below the heading `| the product, but | LAST |`. */
function rowsUnder(last: string): readonly (readonly [name: string, what: string])[] {
  const text = readFileSync(join(root, "docs/reliability.md"), "utf8");
  const [, , ...lines] = text
    .slice(text.search(new RegExp(`^\\| the product, but +\\| ${last} +\\|$`, "m")))
    .split("\n");
  const table = lines.slice(0, lines.indexOf(""));
  return table.map((line) => {
    const [name = "", what = ""] = line.split("|").slice(1);
    return [name.trim(), what.trim()];
  });
}

describe("the mutants of docs/reliability.md", () => {
  test("that seeds notice are those of mutants.ts, with what they break", () => {
    const bySeed = mutants.flatMap(({ name, noticedBy: by }) =>
      "seed" in by ? [`${name}: ${by.breaks}`] : [],
    );
    const rows = rowsUnder("breaks").map(([name, breaks]) => `${name}: ${breaks}`);
    expect(rows.sort()).toEqual(bySeed.sort());
  });

  test("that a scenario notices are those of mutants.ts, with its test", () => {
    const listed = mutants.flatMap(({ name, noticedBy: by }) =>
      "test" in by ? [`${name}: ${by.test}`] : [],
    );
    let test = "";
    const rows = rowsUnder("scenario").map(([name, what]) => {
      test = /\(\.\.\/(.+)\)/.exec(what)?.[1] ?? test; // or "the same"
      return `${name}: ${test}`;
    });
    expect(rows.sort()).toEqual(listed.sort());
  });
});

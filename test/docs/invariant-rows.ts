import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../tidy/source-files.ts";

/** The page that lists all numbered invariants; numbers belong to their file. */
const page = "docs/architecture.md";

const testLink = /\]\((\S+?\.(?:test|suite|soak)\.ts)\)/g;

export interface InvariantRow {
  /** `path number` */
  readonly invariant: string;
  readonly attackedBy: string;
  /** The test files that it links to, from the root; where it says "the same", those of the row before, too. */
  readonly tests: readonly string[];
}

/** The rows below each "Kept by [file](path)." */
export function invariantRows(): readonly InvariantRow[] {
  const rows: InvariantRow[] = [];
  let path = "";
  let before: readonly string[] = [];
  for (const line of readFileSync(join(root, page), "utf8").split("\n")) {
    const kept = /^Kept by \[.+?\]\((.+?)\)/.exec(line)?.[1];
    if (kept !== undefined) path = join(dirname(page), kept);
    const [, name, attackedBy] = /^\| \*\*(.+?)\*\* +\| .+ \| (.+?) +\|$/.exec(line) ?? [];
    if (name === undefined || attackedBy === undefined) continue;
    const linked = Array.from(attackedBy.matchAll(testLink), ([, link = ""]) =>
      join(dirname(page), link),
    );
    const tests = attackedBy.startsWith("the same") ? [...new Set([...before, ...linked])] : linked;
    rows.push({ invariant: `${path} ${name}`, attackedBy, tests });
    before = tests;
  }
  return rows;
}

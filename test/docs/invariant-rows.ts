import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../tidy/source-files.ts";

/** The page that lists all numbered invariants; numbers belong to their file. */
const page = "docs/architecture.md";

export interface InvariantRow {
  /** `path number` */
  readonly invariant: string;
  readonly attackedBy: string;
}

/** The rows below each "Kept by [file](path)." */
export function invariantRows(): readonly InvariantRow[] {
  const rows: InvariantRow[] = [];
  let path = "";
  for (const line of readFileSync(join(root, page), "utf8").split("\n")) {
    const kept = /^Kept by \[.+?\]\((.+?)\)/.exec(line)?.[1];
    if (kept !== undefined) path = join(dirname(page), kept);
    const [, name, attackedBy] = /^\| \*\*(.+?)\*\* +\| .+ \| (.+?) +\|$/.exec(line) ?? [];
    if (name === undefined || attackedBy === undefined) continue;
    rows.push({ invariant: `${path} ${name}`, attackedBy });
  }
  return rows;
}

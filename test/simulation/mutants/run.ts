import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../tidy/source-files.ts";
import type { Mutant } from "./mutants.ts";

const run = promisify(execFile);

/** What a process that ran seeds has to say: the first one that failed, and the invariant it broke. */
export interface Noticed {
  readonly seed?: number;
  readonly broken?: string;
}

/** How often the snippet stands in its source: once, or the mutant is none any more. */
export function timesFound({ file, snippet }: Mutant): number {
  return readFileSync(join(root, file), "utf8").split(snippet).length - 1;
}

/**
 * Runs seeds in a process of its own whose sources are those of the mutant.
 *
 * @param seeds each `7` or `1-2000`
 */
export async function runMutant(
  { name }: Mutant,
  seeds: readonly string[],
  waitMs: number,
): Promise<Noticed> {
  const here = "test/simulation/mutants";
  const args = [
    "-C",
    "millrace:source",
    "--import",
    `./${here}/apply.ts`,
    `${here}/hunt.ts`,
    ...seeds,
  ];
  const cache = join(root, "node_modules/.cache/mutants");
  const env = { ...process.env, MUTANT: name, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: "" };
  const { stdout } = await run(process.execPath, args, { cwd: root, env, timeout: waitMs });
  return JSON.parse(stdout) as Noticed;
}

/** One line for each mutant: the seed that notices it, and what it breaks. */
export function tableOf(noticed: ReadonlyMap<Mutant, Noticed>): string {
  const lines = Array.from(noticed, ([{ name }, { seed, broken }]) => {
    const what = broken?.split(" ")[0] ?? "not noticed";
    return `${String(seed ?? "-").padStart(5)}  ${what}  ${name}`;
  });
  return [" seed  breaks  the product, but", ...lines].join("\n");
}

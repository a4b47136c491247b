import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../tidy/source-files.ts";
import type { Mutant } from "./mutants.ts";

const run = promisify(execFile);

/** What a process has to say that ran seeds, or a test: what noticed the mutant, and how. */
export interface Noticed {
  readonly seed?: number;
  /** The invariant that is broken first, and how, or the tests that fail. */
  readonly broken?: string;
  /** All that the seed breaks, as far as it was told. */
  readonly invariants?: readonly string[];
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
export async function runSeeds(
  { name }: Mutant,
  seeds: readonly string[],
  waitMs: number,
): Promise<Noticed> {
  const here = "test/simulation/mutants";
  const hooks = ["-C", "millrace:source", "--import", `./${here}/apply.ts`];
  const cache = join(root, "node_modules/.cache/mutants");
  const more = { NODE_COMPILE_CACHE: cache };
  const { stdout } = await runAs(name, [...hooks, `${here}/hunt.ts`, ...seeds], waitMs, more);
  return JSON.parse(stdout) as Noticed;
}

/** Runs a test file whose sources are those of the mutant. */
export async function runTest({ name }: Mutant, file: string, waitMs: number): Promise<Noticed> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "unit", "--reporter", "tap-flat", file];
  // It fails, if all is well.
  const { stdout } = await runAs(name, args, waitMs).catch((error: { stdout: string }) => error);
  const failed = Array.from(stdout.matchAll(/^not ok \d+ - (.*?)( # .*)?$/gm), ([, test]) => test);
  return failed.length === 0 ? {} : { broken: failed.join("; ") };
}

function runAs(
  mutant: string,
  args: readonly string[],
  timeout: number,
  more: NodeJS.ProcessEnv = {},
): Promise<{ readonly stdout: string }> {
  const env = { ...process.env, MUTANT: mutant, NODE_OPTIONS: "", ...more };
  return run(process.execPath, args, { cwd: root, env, timeout });
}

/** One line for each mutant: the seed that notices it, if it is one, and what is broken. */
export function tableOf(noticed: ReadonlyMap<Mutant, Noticed>): string {
  const lines = Array.from(noticed, ([{ name }, { seed, broken }]) => {
    const what = seed === undefined ? "-" : broken?.split(" ")[0];
    const by = seed ?? (broken === undefined ? "-" : "test");
    return `${String(by).padStart(5)}  ${what?.padEnd(6)}  ${name}`;
  });
  return [" seed  breaks  the product, but", ...lines].join("\n");
}

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mutants } from "./mutants.ts";

const root = resolve(import.meta.dirname, "../../..");
const mutant = mutants.find(({ name }) => name === process.env["MUTANT"]);

/** @returns the source of a file as the mutant that `MUTANT` names has it; undefined where it is as it was */
export function mutatedSource(path: string): string | undefined {
  if (mutant === undefined || path !== join(root, mutant.file)) return undefined;
  return readFileSync(path, "utf8").replace(mutant.snippet, () => mutant.replacement);
}

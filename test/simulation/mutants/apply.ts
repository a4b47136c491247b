import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { mutants } from "./mutants.ts";

/** Loaded before all else (`node --import`): changes one source as it is loaded, and no file. */

const mutant = mutants.find(({ name }) => name === process.env["MUTANT"]);

if (mutant !== undefined) {
  const root = new URL("../../../", import.meta.url);
  const url = pathToFileURL(fileURLToPath(new URL(mutant.file, root))).href;
  registerHooks({
    load(loaded, context, next) {
      if (loaded !== url) return next(loaded, context);
      const source = readFileSync(new URL(loaded), "utf8");
      const changed = source.replace(mutant.snippet, () => mutant.replacement);
      return { format: "module-typescript", source: changed, shortCircuit: true };
    },
  });
}

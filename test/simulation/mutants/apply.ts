import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { mutatedSource } from "./mutated.ts";

/** Loaded before all else (`node --import`): changes one source as it is loaded, and no file. */

registerHooks({
  load(url, context, next) {
    const source = url.startsWith("file:") ? mutatedSource(fileURLToPath(url)) : undefined;
    if (source === undefined) return next(url, context);
    return { format: "module-typescript", source, shortCircuit: true };
  },
});

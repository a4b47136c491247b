import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { observabilityFiles } from "./files.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

for (const [path, content] of observabilityFiles()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  console.log(path);
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { ensure } from "./ensure.ts";
import { mustRun } from "./programs.ts";

/**
 * A Python that has these packages, in a virtual environment of our own.
 *
 * @param packages as pip takes them, with their versions: `paho-mqtt==2.1.0`
 * @returns the path of its interpreter
 */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  await ensure("python");
  // An environment links to the Python that made it, so another Python wants another environment.
  const version = await mustRun("python3", [
    "-c",
    "import sys; print(sys.executable, sys.version)",
  ]);
  const key = createHash("sha256")
    .update(JSON.stringify([version, packages]))
    .digest("hex");
  const folder = await cached(`python-${key.slice(0, 16)}`, (partial) => fill(partial, packages));
  return join(folder, "bin", "python");
}

async function fill(folder: string, packages: readonly string[]): Promise<void> {
  console.log(`pip install ${packages.join(" ")}: for the tests, kept for the next time`);
  await mustRun("python3", ["-m", "venv", folder]);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  await mustRun(join(folder, "bin", "python"), [...pip, ...packages]);
}

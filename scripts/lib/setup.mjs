/** What every script needs first: the packages, Node 24, a build. All of it is skipped where it stands already. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, run } from "./process.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const lockFile = join(root, "package-lock.json");
const installedLock = join(root, "node_modules", ".millrace-lock-hash");
const nodeMajorMin = 24;

/** Installs the packages unless node_modules is what package-lock.json asks for. */
export async function ensureInstalled() {
  const why = reasonToInstall();
  if (!why) return;
  console.log(`npm install: ${why}`);
  const { code } = await run("npm", [...installArgs(), "--loglevel=error"], { cwd: root });
  if (code !== 0)
    throw new Failure("The packages could not be installed; npm's message above says why.");
  writeFileSync(installedLock, lockHash());
}

function reasonToInstall() {
  if (!existsSync(lockFile)) return "there is no package-lock.json";
  if (!existsSync(join(root, "node_modules", ".package-lock.json")))
    return "the packages are not installed";
  const installed = existsSync(installedLock) ? readFileSync(installedLock, "utf8") : undefined;
  return installed === lockHash() ? undefined : "package-lock.json is not the one installed";
}

/**
 * `--no-save` installs what the lock says and leaves the lock as it is. Not `npm ci`: that takes
 * node_modules away from under whatever runs beside us, and refuses a lock made where the registry
 * has no packages for other platforms (biome, oxlint and others name one for each as optional).
 */
function installArgs() {
  return existsSync(lockFile) ? ["install", "--no-save"] : ["install"];
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

let found;

/** @returns the path of a Node 24 or later: this one, or the one that is installed with the packages */
export async function node24() {
  found ??= await findNode();
  return found;
}

async function findNode() {
  if (majorOf(process.version) >= nodeMajorMin) return process.execPath;
  const installed = join(root, "node_modules", "node", "bin", "node");
  if (await isNode24(installed)) return installed;
  console.log("npm rebuild node: its install script did not run");
  await run("npm", ["rebuild", "node"], { cwd: root });
  if (await isNode24(installed)) return installed;
  throw new Failure(
    `Millrace needs Node ${nodeMajorMin}; this is ${process.version}, and the package \`node\` that brings it is not usable.\n` +
      "npm may have blocked its install script (see allowScripts in package.json). Try one of:\n" +
      "  npm rebuild node\n  npm install-scripts approve node && npm rebuild node\n" +
      `  or install Node ${nodeMajorMin} and run this again`,
  );
}

async function isNode24(path) {
  if (!existsSync(path)) return false;
  const { code, output } = await run(path, ["--version"], { quiet: true });
  return code === 0 && majorOf(output) >= nodeMajorMin;
}

function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0);
}

/** @returns this process's environment with Node 24 and the installed tools first on the PATH */
async function toolEnv(more = {}) {
  const path = [dirname(await node24()), join(root, "node_modules", ".bin"), process.env.PATH];
  const plain = process.stdout.isTTY ? {} : { NO_COLOR: "1" };
  return { ...process.env, PATH: path.join(delimiter), ...plain, ...more };
}

/** Runs a tool that is installed with the packages. @returns as `run` */
export async function tool(name, args, { env, ...options } = {}) {
  const path = join(root, "node_modules", ".bin", name);
  return run(path, args, { cwd: root, ...options, env: await toolEnv(env) });
}

/** Builds what is stale; says little unless it fails. */
export async function ensureBuilt() {
  console.log("building…");
  const env = { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
  const args = ["run", "build", "--output-logs=errors-only"];
  const { code, output } = await tool("turbo", args, { env, quiet: true });
  if (code === 0) return;
  throw new Failure(`${compilerErrors(output) || output}\nThe build failed; see above.`);
}

/** What tsc said, without what turbo and npm say around it. */
function compilerErrors(output) {
  const lines = output.split("\n");
  return lines.filter((line) => /\berror TS\d+/.test(line)).join("\n");
}

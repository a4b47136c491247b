/**
 * Where servers keep their data and note that they run, so that nothing is left behind.
 *
 * Under `npm test`, `npm run bench` and the like the folder is the run's, and a guard process ends what
 * is noted there however the run ended (scripts/lib/run-folder.mjs). A test run without them has a
 * folder of its own, which goes with its process.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;

function runFolder(): string {
  folder ??= process.env["MILLRACE_TEST_RUN"] ?? ownFolder();
  return folder;
}

function ownFolder(): string {
  const own = mkdtempSync(join(tmpdir(), "millrace-run-"));
  mkdirSync(join(own, "processes"));
  process.once("exit", () => rmSync(own, { recursive: true, force: true, maxRetries: 3 }));
  return own;
}

/** A new folder that goes when the run ends. */
export function newDataFolder(name: string): string {
  return mkdtempSync(join(runFolder(), `${name}-`));
}

/** @param mark a part of the process's command line, by which the guard knows it */
export function noteProcess(pid: number, mark: string): void {
  writeFileSync(noteOf(pid), mark);
}

export function forgetProcess(pid: number): void {
  rmSync(noteOf(pid), { force: true });
}

function noteOf(pid: number): string {
  return join(runFolder(), "processes", String(pid));
}

/**
 * The folder of one run: what its servers write, and a note of each server's process.
 *
 * A guard process holds the other end of a pipe from us. When the pipe closes, however this process
 * ended, the guard ends the noted servers and removes the folder; so nothing is left behind by Ctrl-C,
 * by a crash or by `kill -9`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const guardScript = fileURLToPath(new URL("./guard.mjs", import.meta.url));

/** @returns the folder, the environment that tells servers of it, and what ends the run */
export function openRun() {
  const folder = mkdtempSync(join(tmpdir(), "millrace-run-"));
  mkdirSync(join(folder, "processes"));
  const guard = spawn(process.execPath, [guardScript, folder], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true, // out of reach of the Ctrl-C that ends us
  });
  return {
    folder,
    env: { MILLRACE_TEST_RUN: folder },
    async close() {
      const gone = once(guard, "exit");
      guard.stdin.end();
      await gone;
    },
  };
}

/** Waits until its standard input ends, then ends the servers noted in a run's folder and removes it. See run-folder.mjs. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const folder = process.argv[2];
const graceMs = 3000;

process.stdin.resume();
process.stdin.on("end", () => void cleanUp());

async function cleanUp() {
  const endedByMs = performance.now() + graceMs;
  for (const pid of running()) signal(pid, "SIGCONT", "SIGTERM");
  while (running().length > 0 && performance.now() < endedByMs) await sleep(50);
  for (const pid of running()) signal(pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Noted processes that still run: a note is named by the pid and holds a part of its command line, since pids are used again. */
function running() {
  const notes = join(folder, "processes");
  return readdirSync(notes)
    .filter((pid) => commandOf(pid).includes(readFileSync(join(notes, pid), "utf8")))
    .map(Number);
}

function commandOf(pid) {
  // Small Linux images have no `ps`, macOS has no /proc.
  if (existsSync("/proc/self")) return commandInProc(pid);
  return spawnSync("ps", ["-ww", "-o", "args=", "-p", pid], { encoding: "utf8" }).stdout ?? "";
}

function commandInProc(pid) {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ") : "";
}

function signal(pid, ...names) {
  try {
    for (const name of names) process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

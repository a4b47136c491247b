/**
 * Child processes of the scripts.
 *
 * Every child leads a process group of its own, so that
 * 1. Ctrl-C reaches it once: the terminal tells this process, npm tells it again, and we pass on one of the two;
 * 2. what it leaves behind can be ended by the group's id, and nothing else with it.
 */
import { spawn } from "node:child_process";

/** Something that a person can mend: shown as a sentence, without a stack. */
export class Failure extends Error {
  name = "Failure";
}

/** Two signals closer than this are one Ctrl-C. */
const oneKeystrokeMs = 1000;
const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

const groups = new Set();
const waiting = new Set();
let interruptedBy;
let passedOnAtMs = Number.NEGATIVE_INFINITY;

/** @returns a promise that resolves when somebody asks this process to end */
export function untilInterrupted() {
  return new Promise((resolve) => {
    if (interruptedBy) resolve();
    else waiting.add(resolve);
  });
}

/**
 * Runs a script's work, passes signals on to its children and sets the exit code.
 *
 * @param work gives the exit code, or nothing for 0
 */
export async function main(work) {
  for (const name of Object.keys(signalNumbers)) process.on(name, () => passOn(name));
  process.exitCode = await work().catch(explain);
  if (interruptedBy) process.exitCode ||= 128 + signalNumbers[interruptedBy];
}

/** Tells what went wrong. @returns the exit code for it */
export function explain(error) {
  if (!interruptedBy) console.error(error instanceof Error ? error.message : String(error));
  return 1;
}

function passOn(name) {
  interruptedBy ??= name;
  for (const resolve of waiting) resolve();
  const nowMs = performance.now();
  if (nowMs - passedOnAtMs < oneKeystrokeMs) return;
  passedOnAtMs = nowMs;
  for (const pid of groups) signalGroup(pid, name);
}

/** Starts a program in a process group of its own. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    ...options,
    detached: true,
  });
  if (child.pid === undefined) return child;
  groups.add(child.pid);
  child.once("exit", () => {
    groups.delete(child.pid);
    signalGroup(child.pid, "SIGKILL"); // what it left behind
  });
  return child;
}

/**
 * Runs a program to its end.
 *
 * @param options as for spawn; with `quiet` what it prints is kept and returned, not shown
 * @returns the exit code (1 for one that was ended by a signal) and what it printed
 */
export function run(command, args, { quiet = false, ...options } = {}) {
  if (interruptedBy) throw new Failure(`stopped by ${interruptedBy}`);
  const stdio = quiet ? ["ignore", "pipe", "pipe"] : undefined;
  const child = start(command, args, stdio ? { ...options, stdio } : options);
  const output = [];
  child.stdout?.on("data", (chunk) => output.push(chunk));
  child.stderr?.on("data", (chunk) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Failure(`${command} cannot be run: ${error.message}`)),
    );
    child.once("close", (code) =>
      resolve({ code: code ?? 1, output: Buffer.concat(output).toString("utf8").trim() }),
    );
  });
}

function signalGroup(pid, name) {
  try {
    process.kill(-pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error; // gone already is what we wanted
  }
}

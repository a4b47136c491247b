import { url as inspectorUrl } from "node:inspector";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { InHand } from "@millrace/engine/runtime/in-hand";
import { messageOf } from "@millrace/shared/errors/operational";
import type { Config } from "../config/settings.ts";
import type { Line } from "../compose/logger.ts";

/** What the watching thread is given. */
export interface Watched {
  /** Ticks of the main thread, and whether a debugger is attached to it. */
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly inHand: SharedArrayBuffer;
  readonly checkMs: number;
  readonly stallMsMax: number;
  /** For the line that it logs. */
  readonly logLevel: Config["logLevel"];
  readonly role: string;
  readonly isTerminal: boolean;
  /** Where the log is, if it is in a folder. */
  readonly folder: string | undefined;
}

export const TICKS = 0;
export const DEBUGGED = 1;

/** Checks within the time that a stall may take. */
const CHECKS = 20;
const CHECK_MS_MAX = 1_000;

/**
 * Has a thread watch that the event loop turns, which ends the process when it has not done so for
 * `stallMsMax`: it would keep its CPU, its connections and its folder for ever, and do nothing.
 *
 *   D1 a process whose event loop hangs is ended, and says where, and which input it had in hand
 *   D2 one that was stopped, slept with its machine or is under a debugger is not
 */
export function startWatchdog(
  { stallMsMax, logLevel, logUrl }: Config,
  role: string,
  inHand: InHand,
  line: Line,
): void {
  if (stallMsMax === 0) return;
  const checkMs = Math.min(stallMsMax / CHECKS, CHECK_MS_MAX);
  const cells = new Int32Array(new SharedArrayBuffer(8));
  const watched: Watched = {
    cells,
    inHand: inHand.memory,
    checkMs,
    stallMsMax,
    logLevel,
    role,
    isTerminal: process.stderr.isTTY,
    folder: logUrl.startsWith("file:") ? logUrl.slice("file:".length) : undefined,
  };
  const file = new URL(`./watchdog-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(file, { workerData: watched, name: "watchdog" });
  thread.unref();
  thread.on("error", (error: unknown) => {
    line("error", "nobody watches for hangs any more", { why: messageOf(error) });
  });
  const tick = (): void => {
    Atomics.add(cells, TICKS, 1);
    Atomics.store(cells, DEBUGGED, inspectorUrl() === undefined ? 0 : 1);
  };
  setInterval(tick, checkMs).unref();
}

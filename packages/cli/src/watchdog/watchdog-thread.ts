import { performance } from "node:perf_hooks";
import { workerData } from "node:worker_threads";
import { InHand, type InputInHand } from "@millrace/engine/runtime/in-hand";
import type { ErrorFacts } from "@millrace/shared/errors/catalogue";
import { traceFacts } from "@millrace/shared/contract/trace";
import { messageOf } from "@millrace/shared/errors/operational";
import { exitCodes } from "../client/client.ts";
import { leaveHungOn } from "./hung-on.ts";
import { watchLongInputs } from "./long-input.ts";
import { MainThread } from "./main-thread.ts";
import { Stall } from "./stall.ts";
import { DEBUGGED, TICKS, type Watched } from "./watchdog.ts";

/** The thread that watches the main one: see `startWatchdog`. */
const { cells, checkMs, stallMsMax, ...watched } = workerData as Watched;

type Hang = ErrorFacts["PROCESS-001"];

/** How long the main thread may take to say where it is, and to end. */
const ANSWER_MS_MAX = 1_000;

if (watched.folder !== undefined) watchLongInputs(watched.inHand, watched.folder);
let stall = begin();
const checks = setInterval(check, checkMs);

function begin(): Stall {
  return new Stall(checkMs, Atomics.load(cells, TICKS), performance.now());
}

function check(): void {
  const stalledMs = stall.check(Atomics.load(cells, TICKS), performance.now());
  // Who looks at a process with a debugger makes it hang.
  if (Atomics.load(cells, DEBUGGED) === 1) stall = begin();
  else if (stalledMs >= stallMsMax) void end(stalledMs);
}

async function end(stalledMs: number): Promise<void> {
  clearInterval(checks);
  const ticks = Atomics.load(cells, TICKS);
  const main = new MainThread();
  const at = await main.pause(ANSWER_MS_MAX);
  if (Atomics.load(cells, TICKS) !== ticks) {
    // It went on at the last moment.
    main.release();
    stall = begin();
    setInterval(check, checkMs);
    return;
  }
  const inHand = new InHand(watched.inHand).get();
  await tell(stalledMs, inHand, at);
  main.exit(exitCodes.hung, ANSWER_MS_MAX);
}

/** Says what hung, and leaves word of it for the next process. */
async function tell(
  stalledMs: number,
  inHand: InputInHand | undefined,
  at: readonly string[] | undefined,
): Promise<void> {
  const { logLevel, role, isTerminal, folder } = watched;
  // Loaded when it is needed, which is never as a rule: it is half of what the thread would take.
  const { createLogger } = await import("../compose/logger.ts");
  const line = createLogger(logLevel, role, isTerminal);
  const next = nextOf(inHand, folder);
  const { trace, ...input } = inHand ?? ({} as Partial<InputInHand>);
  const facts: Hang = { stalledMs: Math.round(stalledMs), ...input, at, next };
  line("error", "the event loop hangs; this process ends itself", {
    code: "PROCESS-001",
    ...facts,
    ...traceFacts(trace),
  });
  if (inHand === undefined || folder === undefined) return;
  try {
    leaveHungOn(folder, inHand);
  } catch (error) {
    line("warn", "the next process cannot be told what this one hung on", {
      why: messageOf(error),
    });
  }
}

function nextOf(inHand: InputInHand | undefined, folder: string | undefined): string {
  if (inHand === undefined) return "start it again, where no supervisor does";
  return folder === undefined
    ? "the next owners of the partition try the input again, and reject it as poison when it ends them, too"
    : "start it again: it tries the input once more, and rejects it as poison when it hangs on it again";
}

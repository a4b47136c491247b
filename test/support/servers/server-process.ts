import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Launch } from "./docker.ts";
import { lastLines } from "./programs.ts";
import { forgetProcess, noteProcess } from "./run-folder.ts";

export interface ServerProgram {
  /** For messages. */
  readonly name: string;
  readonly launch: Launch;
  readonly logFile: string;
  /** A part of the process's command line that no other process has. */
  readonly mark: string;
  /** Whether it serves its clients by now. */
  readonly isReady: () => Promise<boolean>;
}

/** A port was taken between asking for a free one and using it: worth another try with another port. */
class PortTaken extends Error {
  override readonly name = "PortTaken";
}

const readyWaitMsMax = 60_000;
const readyPollMs = 25;
const stopWaitMsMax = 10_000;

const live = new Set<ServerProcess>();
process.once("exit", () => {
  for (const server of live) server.signal("SIGKILL");
});

/** A server that a test may kill, freeze and start again; it ends with this process at the latest. */
export class ServerProcess {
  readonly #program: ServerProgram;
  #child: ChildProcess | undefined;

  constructor(program: ServerProgram) {
    this.#program = program;
  }

  /** Starts it and waits until it serves. */
  async start(): Promise<void> {
    const child = this.#spawn();
    const deadlineMs = performance.now() + readyWaitMsMax;
    while (!(await this.#program.isReady())) {
      if (this.#child !== child) throw this.#failure("ended before it was ready");
      if (performance.now() > deadlineMs) {
        await this.kill();
        throw this.#failure(`was not ready within ${readyWaitMsMax} ms`);
      }
      await sleep(readyPollMs);
    }
    // Somebody else may have answered on a port that ours failed to take.
    if (this.#child !== child) throw this.#failure("ended before it was ready");
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.#program.name} does not run`);
    return this.#child.pid;
  }

  /** Asks it to end, as an operator would; after 10 s it is killed. What it wrote stays. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Ends it at once, as a crash would. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Stops it if it runs, and starts it on the same port with the same data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Sends it a signal and does not wait. */
  signal(name: NodeJS.Signals): void {
    const { container } = this.#program.launch;
    if (container === undefined) this.#child?.kill(name);
    else spawnSync("docker", ["kill", "--signal", name, container]); // its client passes on few of them
  }

  async #end(name: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = once(child, "exit");
    this.signal("SIGCONT"); // a frozen process does not hear SIGTERM
    this.signal(name);
    const timer = setTimeout(() => this.signal("SIGKILL"), stopWaitMsMax);
    await gone;
    clearTimeout(timer);
  }

  #spawn(): ChildProcess {
    const { launch, logFile, mark } = this.#program;
    const [program, ...args] = launch.command;
    const log = openSync(logFile, "a");
    // A group of its own: the Ctrl-C that ends the tests must not end it in the midst of them.
    const child = spawn(program, args, { stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    this.#child = child;
    live.add(this);
    const { pid } = child;
    if (pid !== undefined) noteProcess(pid, mark);
    const forget = (): void => {
      this.#child = undefined;
      live.delete(this);
      if (pid !== undefined) forgetProcess(pid);
    };
    child.once("error", forget).once("exit", forget);
    return child;
  }

  #failure(what: string): Error {
    const log = lastLines(readFileSync(this.#program.logFile, "utf8"));
    const message = `${this.#program.name} ${what}. The end of its log:\n${log}`;
    return /address already in use/i.test(log) ? new PortTaken(message) : new Error(message);
  }
}

const portAttemptsMax = 3;

/** Calls `start`, which chooses ports, again when somebody else was faster to take one. */
export async function withFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === portAttemptsMax) throw error;
    }
  }
}

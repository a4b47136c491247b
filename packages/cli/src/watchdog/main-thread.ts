import { type Debugger, type InspectorNotification, Session } from "node:inspector";

const FRAMES_MAX = 12;

/**
 * The main thread, from another one: it can be looked at and ended even while it hangs, unless it hangs in
 * native code. No other way gives such a process an exit code of its own.
 */
export class MainThread {
  readonly #session = new Session();
  readonly #files = new Map<string, string>();

  constructor() {
    this.#session.connectToMainThread();
    this.#session.on("Debugger.scriptParsed", ({ params: { scriptId, url } }) => {
      this.#files.set(scriptId, url);
    });
  }

  /** Stops it where it is. @returns what it does, the innermost call first; undefined without an answer */
  pause(withinMs: number): Promise<readonly string[] | undefined> {
    return new Promise((resolve) => {
      const gaveUp = setTimeout(() => resolve(undefined), withinMs);
      this.#session.once(
        "Debugger.paused",
        ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
          clearTimeout(gaveUp);
          resolve(params.callFrames.slice(0, FRAMES_MAX).map((frame) => this.#frame(frame)));
        },
      );
      this.#session.post("Debugger.enable");
      this.#session.post("Debugger.pause");
    });
  }

  /** Lets it go on. */
  release(): void {
    this.#session.disconnect();
  }

  /**
   * Ends the process: nothing else of it runs any more, as with kill -9.
   *
   * @param killMs how long it may take; after that it is killed
   */
  exit(code: number, killMs: number): void {
    // Standard error is closed first: the inspector would say there that it waits for a debugger.
    const expression = `globalThis.process.getBuiltinModule("node:fs").closeSync(2);
      globalThis.process.reallyExit(${code})`;
    this.#session.post("Runtime.evaluate", { expression });
    setTimeout(() => process.kill(process.pid, "SIGKILL"), killMs);
  }

  /** `name file:line`, the file from its package on. */
  #frame({ functionName, location }: Debugger.CallFrame): string {
    const url = this.#files.get(location.scriptId) ?? "";
    const file = url.replace(/^.*\/(?=(?:node_modules|packages)\/)/, "");
    return `${functionName || "(anonymous)"} ${file}:${location.lineNumber + 1}`;
  }
}

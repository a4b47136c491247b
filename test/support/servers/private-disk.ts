import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isOnPath } from "./programs.ts";

/**
 * A disk in memory that this process and what it starts in there can see, and nobody else.
 *
 * It is mounted in a mount namespace of its own, which goes with the last process in it: nothing stays
 * mounted, however the tests end.
 */
export class PrivateDisk {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** Mounting is for root on Linux. */
  static get isPossible(): boolean {
    const isRoot = process.platform === "linux" && process.getuid?.() === 0;
    return isRoot && ["unshare", "nsenter", "mount"].every(isOnPath);
  }

  /**
   * @param folder where it is mounted
   * @param size as mount takes it, of what it holds at most: `64m`, `50%`
   */
  static async open(folder: string, size: string): Promise<PrivateDisk> {
    mkdirSync(folder, { recursive: true });
    // It ends with its input, and that with this process.
    const script = `mount -t tmpfs -o size=${size} private-disk "$1" && echo mounted && read _`;
    const holder = spawn("unshare", ["--mount", "sh", "-c", script, "private-disk", folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: holder.stdout });
    const [said] = (await Promise.race([once(lines, "line"), once(holder, "exit")])) as unknown[];
    if (said !== "mounted") throw new Error(`no disk of ${size} could be mounted`);
    return new PrivateDisk(holder);
  }

  /** A command that sees what is mounted there. */
  inside(command: readonly string[]): [string, ...string[]] {
    return ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, ...command];
  }

  /** Where this process finds what is seen in there under a path. */
  seen(path: string): string {
    return join(`/proc/${this.#holder.pid}/root`, path);
  }

  close(): void {
    this.#holder.stdin?.end();
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Launch } from "./docker.ts";
import { isOnPath } from "./programs.ts";

/**
 * A disk of limited size for one server.
 *
 * It is mounted in a mount namespace of its own, which goes with the last process in it: nothing stays
 * mounted, however the tests end.
 */
export class SmallDisk {
  readonly #holder: ChildProcess;
  readonly #folder: string;

  private constructor(holder: ChildProcess, folder: string) {
    this.#holder = holder;
    this.#folder = folder;
  }

  /** Mounting is for root on Linux. */
  static get isPossible(): boolean {
    const isRoot = process.platform === "linux" && process.getuid?.() === 0;
    return isRoot && ["unshare", "nsenter", "mount"].every(isOnPath);
  }

  /** @param folder where the server finds it; only those that are launched by `launch` see it there */
  static async open(folder: string, megabytes: number): Promise<SmallDisk> {
    mkdirSync(folder, { recursive: true });
    // It ends with its input, and that with this process.
    const script = `mount -t tmpfs -o size=${megabytes}m small-disk "$1" && echo mounted && read _`;
    const holder = spawn("unshare", ["--mount", "sh", "-c", script, "small-disk", folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: holder.stdout });
    const [said] = (await Promise.race([once(lines, "line"), once(holder, "exit")])) as unknown[];
    if (said !== "mounted") throw new Error(`no disk of ${megabytes} MB could be mounted`);
    return new SmallDisk(holder, folder);
  }

  launch({ command }: Launch): Launch {
    return { command: ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, ...command] };
  }

  get #ballast(): string {
    return join(`/proc/${this.#holder.pid}/root`, this.#folder, "ballast");
  }

  /** Leaves no byte free. */
  fill(): void {
    const file = openSync(this.#ballast, "a");
    for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 16)) {
      const piece = Buffer.alloc(size);
      try {
        while (writeSync(file, piece) === size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
    closeSync(file);
  }

  /** Takes away what `fill` wrote. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  close(): void {
    this.#holder.stdin?.end();
  }
}

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Launch } from "./docker.ts";
import { PrivateDisk } from "./private-disk.ts";

/** A disk of limited size for one server. */
export class SmallDisk {
  readonly #disk: PrivateDisk;
  readonly #folder: string;

  private constructor(disk: PrivateDisk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  static get isPossible(): boolean {
    return PrivateDisk.isPossible;
  }

  /** @param folder where the server finds it; only those that are launched by `launch` see it there */
  static async open(folder: string, megabytes: number): Promise<SmallDisk> {
    return new SmallDisk(await PrivateDisk.open(folder, `${megabytes}m`), folder);
  }

  launch({ command }: Launch): Launch {
    return { command: this.#disk.inside(command) };
  }

  get #ballast(): string {
    return this.#disk.seen(join(this.#folder, "ballast"));
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
    this.#disk.close();
  }
}

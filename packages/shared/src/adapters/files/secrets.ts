import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secrets } from "../../ports/secrets.ts";

/** No way out of the folder: flows cannot write another name, and a parked effect is only data. */
const NAME = /^[A-Za-z_][\w-]*$/;

/** A folder with a file for each secret, as Kubernetes mounts them; one line break at the end is not its. */
export class SecretFolder implements Secrets {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(name: string): Promise<string | undefined> {
    if (!NAME.test(name)) return undefined;
    try {
      return (await readFile(join(this.#folder, name), "utf8")).replace(/\r?\n$/, "");
    } catch {
      return undefined;
    }
  }
}

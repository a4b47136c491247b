import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { OperationalError } from "../../errors/operational.ts";

/**
 * One process per data folder.
 *
 * Who holds it is written in the folder's environment, whose writes exclude each other between
 * processes; that it lives is told by a socket in the folder. A killed one never has to be waited for,
 * and whoever knocks is told who holds it.
 */
export class FolderLock {
  readonly #sockets: Sockets;
  readonly #owner: Database<string, "owner">;
  readonly #name: string;
  readonly #server: Server;

  private constructor(
    sockets: Sockets,
    owner: Database<string, "owner">,
    name: string,
    server: Server,
  ) {
    this.#sockets = sockets;
    this.#owner = owner;
    this.#name = name;
    this.#server = server;
  }

  /** @throws OperationalError START-003 when another process holds the folder */
  static async take(folder: string, root: RootDatabase): Promise<FolderLock> {
    const owner = root.openDB<string, "owner">({ name: "lock" });
    const sockets = new Sockets(folder);
    const name = `lock-${randomBytes(6).toString("hex")}.sock`;
    const server = await sockets.listen(name);
    const lock = new FolderLock(sockets, owner, name, server);
    try {
      await lock.#take(folder);
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #take(folder: string): Promise<void> {
    for (;;) {
      const held = this.#owner.get("owner");
      if (held !== undefined) {
        const pid = await this.#sockets.knock(held);
        if (pid !== undefined) throw inUse(folder, pid);
      }
      const taken = this.#owner.transactionSync(() => {
        if (this.#owner.get("owner") !== held) return false; // somebody was faster
        this.#owner.putSync("owner", this.#name);
        return true;
      });
      if (!taken) continue;
      if (held !== undefined) this.#sockets.remove(held); // left behind by a process that was killed
      return;
    }
  }

  async release(): Promise<void> {
    this.#owner.transactionSync(() => {
      if (this.#owner.get("owner") === this.#name) this.#owner.removeSync("owner");
    });
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#sockets.close();
  }
}

/** Whether a process that has the folder in use answers. It changes nothing, in lmdb neither. */
export async function isHeld(folder: string): Promise<boolean> {
  const sockets = new Sockets(realpathSync(folder));
  try {
    const names = readdirSync(folder).filter((name) => /^lock-[0-9a-f]+\.sock$/.test(name));
    const answers = await Promise.all(names.map((name) => sockets.knock(name)));
    return answers.some((pid) => pid !== undefined);
  } finally {
    sockets.close();
  }
}

/** The address of a socket has at most 104 bytes on macOS, 108 on Linux. */
const ADDRESS_BYTES_MAX = 100;

/** Sockets in one folder, however long its path. */
class Sockets {
  readonly #folder: string;
  readonly #descriptor: number | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    const isLong = Buffer.byteLength(join(folder, "lock-0123456789ab.sock")) > ADDRESS_BYTES_MAX;
    if (isLong && process.platform === "linux") this.#descriptor = openSync(folder, "r");
  }

  #address(name: string): string {
    if (process.platform === "win32") {
      const folder = createHash("sha256").update(this.#folder).digest("hex").slice(0, 24);
      return `\\\\.\\pipe\\millrace-${folder}-${name}`;
    }
    return this.#descriptor === undefined
      ? join(this.#folder, name)
      : `/proc/self/fd/${this.#descriptor}/${name}`;
  }

  listen(name: string): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.end(String(process.pid));
      });
      server.unref();
      server.once("error", reject);
      server.listen(this.#address(name), () => resolve(server));
    });
  }

  /** @returns the process id of who answers, 0 when it does not say, undefined when nobody answers */
  knock(name: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      let answer = "";
      const socket = connect(this.#address(name));
      socket.setTimeout(2_000, () => {
        socket.destroy();
        resolve(0); // somebody holds it, and is too busy to say who
      });
      socket.on("data", (chunk) => {
        answer += String(chunk);
      });
      socket.on("end", () => resolve(Number(answer) || 0));
      socket.on("error", () => resolve(undefined));
    });
  }

  remove(name: string): void {
    if (process.platform !== "win32") rmSync(join(this.#folder, name), { force: true });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

function inUse(folder: string, pid: number): OperationalError<"START-003"> {
  const who = pid > 0 ? `process ${pid}` : "another process";
  return new OperationalError(
    "START-003",
    { folder, ...(pid > 0 && { pid }) },
    `${who} uses ${folder}; stop it, or choose another folder with MILLRACE_LOG_URL=file:DIR`,
  );
}

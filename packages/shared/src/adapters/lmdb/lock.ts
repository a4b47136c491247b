import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperationalError } from "../../errors/operational.ts";

/**
 * One process per data folder.
 *
 * The lock is a local socket that the process listens on: it is gone the moment the process is, so a
 * killed one never has to be waited for, and whoever knocks is told who holds it.
 */
export class FolderLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws OperationalError START-003 when another process holds the folder */
  static async take(folder: string): Promise<FolderLock> {
    mkdirSync(folder, { recursive: true });
    const path = socketPath(realpathSync(folder));
    for (let attempt = 0; ; attempt++) {
      try {
        return new FolderLock(await listen(path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt > 3) throw error;
        const pid = await holder(path);
        if (pid !== undefined) throw inUse(folder, pid);
        rmSync(path, { force: true }); // left behind by a process that was killed
      }
    }
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** A short path of its own for each folder: a socket's path has at most about 100 bytes. */
function socketPath(folder: string): string {
  const name = `millrace-${createHash("sha256").update(folder).digest("hex").slice(0, 24)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(String(process.pid));
    });
    server.unref();
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

/** @returns the process id of who answers, or undefined when nobody does */
function holder(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(path);
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

function inUse(folder: string, pid: number): OperationalError<"START-003"> {
  const who = pid > 0 ? `process ${pid}` : "another process";
  return new OperationalError(
    "START-003",
    { folder, ...(pid > 0 && { pid }) },
    `${who} uses ${folder}; stop it, or choose another folder with MILLRACE_LOG_URL=file:DIR`,
  );
}

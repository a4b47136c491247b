import { createConnection, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** A way to a server that can be cut, held up and slowed. It rewrites nothing. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<() => void>();
  #target: number;
  #state: "open" | "cut" | "stalled" = "open";
  #delayMs = 0;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", (socket) => this.#join(socket));
  }

  /** @param target port of 127.0.0.1 @param port where to listen; any free one unless said */
  static async open(
    target: number,
    { host = "127.0.0.1", port = 0 }: { host?: string; port?: number } = {},
  ): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    const address = server.address();
    const own = typeof address === "object" && address !== null ? address.port : port;
    return new TcpProxy(server, own, target);
  }

  #join(near: Socket): void {
    if (this.#state === "cut") return void near.resetAndDestroy();
    const far = createConnection({ port: this.#target, host: "127.0.0.1", noDelay: true });
    near.setNoDelay(true);
    // As near as a proxy comes to what a client sees of a server that is gone.
    far.once("error", () => near.resetAndDestroy());
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.#sockets.delete(near);
      this.#sockets.delete(far);
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.once("error", end).once("close", end);
    }
    near.pipe(this.#gate()).pipe(far);
    far.pipe(this.#gate()).pipe(near);
  }

  /** Lets a piece through when it may pass, in the order in which the pieces came. */
  #gate(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, pass) => {
        void this.#mayPass().then(() => pass(null, chunk));
      },
    });
  }

  async #mayPass(): Promise<void> {
    while (this.#state === "stalled") await new Promise<void>((resolve) => this.#held.add(resolve));
    if (this.#delayMs > 0) await sleep(this.#delayMs);
  }

  /** All connections end, and new ones are refused. */
  cut(): void {
    this.#state = "cut";
    this.#endAll();
  }

  /** Connections stay open, new ones come about, and nothing passes. */
  stall(): void {
    this.#state = "stalled";
  }

  /** Each piece of up to 64 KiB takes that much longer, one after the other. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** All passes again, what was held up first. */
  heal(): void {
    this.#state = "open";
    this.#delayMs = 0;
    for (const resolve of this.#held) resolve();
    this.#held.clear();
  }

  /** From now on connections go to another port; those there are end. */
  pointTo(target: number): void {
    this.#target = target;
    this.#endAll();
  }

  #endAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.heal();
    this.#endAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

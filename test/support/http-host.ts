import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Listener = (arrived: Arrived, response: ServerResponse) => void;

/** A real HTTP server on a free port of this machine, for one test. */
export class HttpHost {
  /** Every request that came, in order. */
  readonly arrived: Arrived[] = [];
  /** Connections that were made, whatever came of them. */
  connections = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", () => {
      this.connections += 1;
    });
  }

  /** @param tls key and certificate, for https */
  static async open(
    listener: Listener,
    {
      address = "127.0.0.1",
      port = 0,
      tls,
    }: { address?: string; port?: number; tls?: { key: string; cert: string } } = {},
  ): Promise<HttpHost> {
    const host: { opened?: HttpHost } = {};
    const take = (message: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => {
        const { method = "", url: path = "", headers } = message;
        const arrived = { method, path, headers, body: Buffer.concat(chunks).toString() };
        host.opened?.arrived.push(arrived);
        listener(arrived, response);
      });
    };
    const server = tls === undefined ? createServer(take) : createSecureServer(tls, take);
    const opened = new HttpHost(server);
    host.opened = opened;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, resolve);
    });
    onTestFinished(() => opened.close());
    return opened;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

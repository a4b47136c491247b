import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Sockets } from "./sockets.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** @returns the port of a server that does that with each connection */
async function serve(take: (socket: Socket) => void): Promise<number> {
  const server = createServer(take);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function open(sockets: Sockets, port: number): Socket {
  const plain = undefined as never; // kafkajs' types want options of TLS
  return sockets.factory({ host: "127.0.0.1", port, ssl: plain, onConnect: () => {} });
}

describe("connections to brokers", () => {
  test("that the other side ends have failed, whatever came before", async () => {
    for (const answer of ["", "answer"]) {
      const port = await serve((socket) => socket.end(answer));
      const [error] = (await once(open(new Sockets(), port).resume(), "error")) as [Error];
      expect(error.message).toBe("closed by the other side");
    }
  });

  test("that are still open end with the log", async () => {
    const port = await serve((socket) => socket.resume());
    const sockets = new Sockets();
    const socket = open(sockets, port);
    await once(socket, "connect");
    sockets.destroyAll();
    await once(socket, "close");
    expect(socket.destroyed).toBe(true);
  });
});

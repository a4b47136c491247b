import { createConnection, createServer } from "node:net";

const firstPort = 20_000;
const lastPort = 31_999;
const given = new Set<number>();

/**
 * A port of the loopback interface that the system says is free and that nobody here was given before.
 *
 * Below the range from which systems take ports for outgoing connections: while a test keeps its
 * server down, a client that tries to reach it again and again must not be given that very port as its
 * own (TCP would then connect it to itself) nor hold it when the server comes back.
 */
export async function freePort(): Promise<number> {
  const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
  if (given.has(port) || !(await isFree(port))) return freePort();
  given.add(port);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const answerWaitMs = 1000;

/**
 * Sends bytes to a port.
 *
 * @param isAnswer says of all that came so far whether it is the answer hoped for
 * @returns whether it came; false also when nobody listens or nothing comes for a second
 */
export function answers(
  port: number,
  question: Buffer,
  isAnswer: (soFar: Buffer) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = createConnection({ port, host: "127.0.0.1" }, () => socket.write(question));
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(answerWaitMs, () => end(false));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isAnswer(received)) end(true);
    });
  });
}

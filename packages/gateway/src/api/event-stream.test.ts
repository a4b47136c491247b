import { get } from "node:http";
import type { AddressInfo } from "node:net";
import { fastify } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { serveEvents } from "./event-stream.ts";

const filler = "x".repeat(10_000);

/** Serves what is sent until the client is gone. @returns where, how much was sent, and whether it has ended */
async function streaming(eventsMax: number) {
  const state = { url: "", bytes: 0, isClosed: false };
  const app = fastify({ forceCloseConnections: true });
  app.get("/", (_request, reply) =>
    serveEvents(reply, {
      open(sink) {
        let sent = 0;
        const sending = setInterval(() => {
          for (let i = 0; i < 10 && sent < eventsMax; i++, sent++) {
            sink.send({ event: "step", data: filler });
            state.bytes += filler.length;
          }
        }, 1);
        return () => {
          clearInterval(sending);
          state.isClosed = true;
        };
      },
    }),
  );
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  state.url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
  return state;
}

test("a client that does not read is let go before it costs memory", async () => {
  const stream = await streaming(Number.POSITIVE_INFINITY);
  const request = get(stream.url, (response) => response.pause());
  request.on("error", () => {});
  onTestFinished(() => void request.destroy());
  await until(() => stream.isClosed);
  // Beside what is ours to hold, the system holds some on both sides.
  expect(stream.bytes).toBeLessThan(64 * 1024 * 1024);
});

test("one that reads gets more than that", async () => {
  const stream = await streaming(1_000);
  let read = 0;
  const request = get(stream.url, (response) =>
    response.on("data", (chunk: Buffer) => (read += chunk.length)),
  );
  onTestFinished(() => void request.destroy());
  await until(() => read > 1_000 * filler.length);
  expect([stream.bytes, stream.isClosed]).toEqual([1_000 * filler.length, false]);
});

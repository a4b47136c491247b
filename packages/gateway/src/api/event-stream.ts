import type { FastifyReply } from "fastify";
import type { Source, StreamEvent } from "./route.ts";

/** What a client that reads slowly may be behind, in bytes; then it is let go, and goes on later. */
const BEHIND_BYTES_MAX = 1024 * 1024;
/** Proxies end a connection on which nothing comes for a minute. */
const KEEP_ALIVE_MS = 15_000;
/** How soon a client that was cut off asks again. */
const RETRY_MS = 2_000;

/** Serves a source as server-sent events (WHATWG HTML, 9.2), until the client or the source ends it. */
export function serveEvents(reply: FastifyReply, source: Source): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  raw.write(`retry: ${RETRY_MS}\n\n`);
  const keepAlive = setInterval(() => raw.write(":\n\n"), KEEP_ALIVE_MS);
  const close = source.open({
    send(event) {
      if (raw.destroyed) return;
      raw.write(textOf(event));
      if (raw.writableLength > BEHIND_BYTES_MAX) raw.destroy();
    },
    end: () => raw.end(),
  });
  raw.once("close", () => {
    clearInterval(keepAlive);
    close();
  });
}

function textOf({ id, event, data }: StreamEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isSameSecret } from "@millrace/gateway/admit/same-secret";
import type { Health } from "@millrace/gateway/api/operations";
import { PROMETHEUS_TEXT } from "@millrace/gateway/api/server";
import { listenError } from "@millrace/shared/errors/listen-error";
import { messageOf } from "@millrace/shared/errors/operational";

interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  /** The bearer token that `/metrics` asks for; none on loopback, where nobody is asked. */
  readonly token: string | undefined;
  readonly health: () => Health;
  /** The metrics of the process, as Prometheus reads them. */
  readonly metrics: () => Promise<string>;
  /** Told of an answer that was our fault. */
  readonly onFault: (path: string, why: string) => void;
}

/** For roles that serve no API: `/healthz`, `/readyz` and `/metrics`. @throws OperationalError START-001 */
export function startHealthServer(
  options: HealthServerOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { host, port } = options;
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (path === "/metrics") void serveMetrics(request, response, options);
    else serveHealth(path, response, options.health());
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(listenError(error, { host, port, setting: "MILLRACE_HTTP_PORT" }));
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.closeAllConnections();
            server.close(() => closed());
          }),
      });
    });
  });
}

function serveHealth(
  path: string | undefined,
  response: ServerResponse,
  { ready, reasons, facts }: Health,
): void {
  const known = path === "/healthz" || path === "/readyz";
  const status = !known ? 404 : path === "/healthz" || ready ? 200 : 503;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(
    JSON.stringify(known ? { status: ready ? "ready" : "not ready", reasons, ...facts } : {}),
  );
}

async function serveMetrics(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { token, metrics, onFault }: HealthServerOptions,
): Promise<void> {
  if (token !== undefined && !isSameSecret(headers.authorization ?? "", `Bearer ${token}`)) {
    response.writeHead(401, { "www-authenticate": "Bearer" }).end();
    return;
  }
  try {
    const text = await metrics();
    response.writeHead(200, { "content-type": PROMETHEUS_TEXT }).end(text);
  } catch (error) {
    onFault("/metrics", messageOf(error));
    response.writeHead(500).end();
  }
}

import { createServer } from "node:http";
import type { Health } from "@millrace/gateway/api/operations";
import { listenError } from "@millrace/shared/errors/listen-error";

/** Health for roles that serve no API: `/healthz` and `/readyz`. @throws OperationalError START-001 */
export function startHealthServer(
  { host, port }: { readonly host: string; readonly port: number },
  health: () => Health,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    const { ready, reasons, facts } = health();
    const known = path === "/healthz" || path === "/readyz";
    const status = !known ? 404 : path === "/healthz" || ready ? 200 : 503;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(
      JSON.stringify(known ? { status: ready ? "ready" : "not ready", reasons, ...facts } : {}),
    );
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

import { expect, onTestFinished, test } from "vitest";
import { startApi } from "./server.ts";

test("a request that fails by our fault is told with the trace of who asked, and answered with a problem", async () => {
  const faults: unknown[][] = [];
  const api = await startApi({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    operations: {} as never, // so that whatever needs one of them fails
    metrics: async () => "",
    onFault: (...fault) => faults.push(fault),
  });
  onTestFinished(() => api.close());
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const url = `http://127.0.0.1:${api.port}/v1/instances`;
  const answer = await fetch(url, { headers: { traceparent } });
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  expect(await answer.json()).toMatchObject({ status: 503, code: "API-004" });
  await fetch(url, { headers: { traceparent: "nonsense" } });
  expect(faults).toEqual([
    ["/v1/instances", expect.any(String), traceparent],
    ["/v1/instances", expect.any(String), undefined],
  ]);
});

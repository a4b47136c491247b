import { parseDurationMs } from "@millrace/shared/contract/time";
import type { Operations } from "./operations.ts";
import { type AnyRoute, reading, route } from "./route.ts";
import { tracePath, traceQuery } from "./schemas.ts";
import * as shapes from "./shapes.ts";

/** What came of one publish, signal or timer. */
export function traceRoutes(operations: Operations): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/traces/{id}",
      id: "getTrace",
      tag: "traces",
      summary: "Steps and rejections of one trace",
      description:
        "No index leads to them: the journal is searched, partition by partition from its end back to `since`, for two seconds a page. A page without items is not the last one while it has `next`.",
      params: tracePath,
      query: traceQuery,
      answer: { status: 200, description: "a page of the search", schema: shapes.tracePage },
      problems: [...reading, "LOG-006"],
      handle({ params: { id }, query: { namespace: ns, since, cursor } }) {
        const [partition = 0, below] = cursor?.split("-").map(Number) ?? [];
        const sinceMs = parseDurationMs(since) ?? 0;
        return operations.trace({ ns, id, sinceMs, from: { partition, below } });
      },
    }),
  ];
}

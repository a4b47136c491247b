import { metricsPage } from "./metrics-page.ts";

/** Everything that is made from the catalogue of metrics: contents by path from the root. */
export function observabilityFiles(): ReadonlyMap<string, string> {
  return new Map([["docs/metrics.md", metricsPage()]]);
}

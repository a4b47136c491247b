import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { metricsPage } from "./metrics-page.ts";

/** Everything that is made from the catalogue of metrics: contents by path from the root. */
export function observabilityFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/metrics.md", metricsPage()],
    ["deploy/grafana/millrace.json", dashboard()],
    ["deploy/prometheus/alerts.yaml", alertRules()],
  ]);
}

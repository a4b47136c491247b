import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { definitionOf } from "../../telemetry/metrics.ts";
import { prometheusName } from "../../telemetry/observe.ts";
import type { Snapshot } from "../../telemetry/snapshot.ts";
import { metricDataOf, type Period } from "./metric-data.ts";

const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);

/**
 * A snapshot in Prometheus' text format, `text/plain; version=0.0.4`.
 *
 * @param process what there is to tell of the process; the labels of `target_info`
 */
export function writePrometheus(
  snapshot: Snapshot,
  period: Period,
  process: Readonly<Record<string, string>>,
): string {
  const metrics = metricDataOf(snapshot, period, (name) => ({
    // It adds `_total` by itself, and no unit.
    name: prometheusName(name).replace(/_total$/, ""),
    unit: definitionOf(name).unit,
  }));
  return serializer.serialize({
    resource: resourceFromAttributes(process),
    scopeMetrics: [{ scope: { name: "millrace" }, metrics }],
  });
}

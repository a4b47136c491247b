import { definitionOf, type MetricName } from "@millrace/shared/telemetry/metrics";
import { prometheusName } from "@millrace/shared/telemetry/observe";

/** Pieces of PromQL. Only what the catalogue has can be asked for. */

/** A metric's series. @param labels as PromQL writes them between braces */
export function series(name: MetricName, labels = ""): string {
  return `${prometheusName(name)}${labels === "" ? "" : `{${labels}}`}`;
}

/** How much a counter rises each second. */
export function rate(name: MetricName, labels = "", window = "5m"): string {
  return `rate(${series(name, labels)}[${window}])`;
}

/** @param q from 0 to 1, of the durations of all processes together */
export function quantile(q: number, name: MetricName, labels = "", window = "5m"): string {
  if (definitionOf(name).kind !== "histogram") throw new Error(`${name} is no histogram`);
  const buckets = `${prometheusName(name)}_bucket${labels === "" ? "" : `{${labels}}`}`;
  return `histogram_quantile(${q}, sum by (le) (rate(${buckets}[${window}])))`;
}

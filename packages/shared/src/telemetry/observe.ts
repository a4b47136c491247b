import { definitionOf, type MetricName, type metrics } from "./metrics.ts";

type LabelsIn<D> = D extends { labels: infer L }
  ? { readonly [K in keyof L]: LabelIn<L[K]> }
  : never;
type LabelIn<V> = V extends readonly (infer T)[] ? T : number;
type Labelled<D> = D extends { labels: object } ? [labels: LabelsIn<D>] : [];
type ValueOf<D> = D extends { kind: "histogram" } ? HistogramCounts : number;

/** What a histogram has counted. Times are in seconds. */
export interface HistogramCounts {
  readonly bounds: readonly number[];
  /** Values up to each bound, and those above the last one; each value in one of them. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Takes one value of one metric, as it is now. Only what the catalogue has can be said. */
export type Observe = <N extends MetricName>(
  name: N,
  value: ValueOf<(typeof metrics)[N]>,
  ...labels: Labelled<(typeof metrics)[N]>
) => void;

const suffixes: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes" };

/**
 * The name that a metric has in Prometheus, by OpenTelemetry's rules: dots become underscores, then comes
 * the unit, and `_total` for what only rises. Of a histogram, `_bucket`, `_sum` and `_count` follow.
 */
export function prometheusName(name: MetricName): string {
  const { kind, unit } = definitionOf(name);
  const base = name.replaceAll(/[^A-Za-z0-9]+/g, "_");
  const suffix = suffixes[unit] ?? "";
  return `${base}${suffix}${kind === "counter" ? "_total" : ""}`;
}

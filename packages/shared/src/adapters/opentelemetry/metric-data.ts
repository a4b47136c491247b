import { type HrTime, ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { definitionOf, type MetricName } from "../../telemetry/metrics.ts";
import type { HistogramCounts } from "../../telemetry/observe.ts";
import type { MetricPoint, Snapshot } from "../../telemetry/snapshot.ts";

/** Between which moments the counters of a process have risen. */
export interface Period {
  readonly startMs: number;
  readonly nowMs: number;
}

/** What a metric is called, and in which unit: backends have different habits. */
type Naming = (name: MetricName) => { readonly name: string; readonly unit: string };

/** A snapshot as OpenTelemetry's data model has it. */
export function metricDataOf(snapshot: Snapshot, period: Period, naming: Naming): MetricData[] {
  return Array.from(snapshot, ([name, points]) => dataOf(name, points, period, naming));
}

function dataOf(
  metric: MetricName,
  points: readonly MetricPoint[],
  { startMs, nowMs }: Period,
  naming: Naming,
): MetricData {
  const { kind, description } = definitionOf(metric);
  const { name, unit } = naming(metric);
  const common = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const times = { startTime: hrTime(startMs), endTime: hrTime(nowMs) };
  const numbers = () =>
    points.map(({ labels, value }) => ({ ...times, attributes: labels, value: value as number }));
  switch (kind) {
    case "counter":
      return {
        ...common,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: numbers(),
      };
    case "gauge":
      return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: numbers() };
    case "histogram": {
      const dataPoints = points.map(({ labels, value }) => {
        return { ...times, attributes: labels, value: histogramOf(value as HistogramCounts) };
      });
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
    }
  }
}

function histogramOf({ bounds, counts, sum }: HistogramCounts) {
  const count = counts.reduce((all, one) => all + one, 0);
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}

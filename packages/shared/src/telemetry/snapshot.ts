import type { MetricName } from "./metrics.ts";
import type { HistogramCounts, Observe } from "./observe.ts";

/** One value of a metric, with its labels. */
export interface MetricPoint {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | HistogramCounts;
}

/** All metrics of a process as they are at one moment. */
export type Snapshot = ReadonlyMap<MetricName, readonly MetricPoint[]>;

/** Asks each source for what it has. */
export function takeSnapshot(sources: readonly ((observe: Observe) => void)[]): Snapshot {
  const points = new Map<MetricName, MetricPoint[]>();
  const observe: Observe = (name, value, ...[labels]) => {
    const entries = Object.entries((labels ?? {}) as Readonly<Record<string, string | number>>);
    const texts = Object.fromEntries(entries.map(([label, text]) => [label, String(text)]));
    const known = points.get(name);
    if (known === undefined) points.set(name, [{ labels: texts, value }]);
    else known.push({ labels: texts, value });
  };
  for (const source of sources) source(observe);
  return points;
}

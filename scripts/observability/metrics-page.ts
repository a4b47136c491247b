import { definitionOf, metricNames } from "@millrace/shared/telemetry/metrics";
import { prometheusName } from "@millrace/shared/telemetry/observe";

const roles = {
  every: "Every process",
  gateway: "Gateways",
  engine: "Engines",
  dispatcher: "Dispatchers",
} as const;

/** docs/metrics.md: every metric of the catalogue, by who has it. */
export function metricsPage(): string {
  const sections = Object.entries(roles).flatMap(([role, heading]) => {
    const rows = metricNames
      .filter((name) => definitionOf(name).role === role)
      .map((name) => {
        const { kind, description, labels = {} } = definitionOf(name);
        const listed = Object.entries(labels).map(
          ([label, values]) =>
            `\`${label.replaceAll(".", "_")}\`: ${values?.map((value) => `\`${value}\``).join(", ") ?? "its number"}`,
        );
        return [`\`${prometheusName(name)}\``, kind, description, listed.join("; ")];
      });
    return [`## ${heading}`, "", ...table(["metric", "kind", "what it is", "labels"], rows), ""];
  });
  return [...intro, ...sections].join("\n");
}

const intro = [
  "# Metrics",
  "",
  "<!-- Made from packages/shared/src/telemetry/metrics.ts by `npm run observability`; do not edit. -->",
  "",
  "What a process tells of itself. `GET /metrics` on its HTTP port answers in Prometheus' text format;",
  "where `MILLRACE_TOKEN` is set, it asks for it as `/v1` does. With `OTEL_EXPORTER_OTLP_ENDPOINT` the",
  "same goes to a collector, under the names that OpenTelemetry gives them: dots instead of underscores,",
  "no unit and no `_total` at the end (`millrace.engine.steps`). [observability](observability.md) says",
  "how both are set up.",
  "",
  "Counters rise from the start of the process on. Times are seconds. A histogram has buckets from a",
  "millisecond to a minute (`_bucket`), and `_sum` and `_count`. Labels have the values that are listed,",
  "and each of them is there from the start, with 0.",
  "",
];

/** A table as the formatter leaves it: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((text, i) =>
    Math.max(text.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[], fill = " "): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width, fill)).join(" | ")} |`;
  return [line(head), line([], "-"), ...rows.map((row) => line(row))];
}

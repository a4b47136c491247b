import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { definitionOf, metricNames } from "@millrace/shared/telemetry/metrics";
import { prometheusName } from "@millrace/shared/telemetry/observe";
import { spans } from "@millrace/shared/telemetry/spans";
import { describe, expect, test } from "vitest";
import { alerts } from "../../scripts/observability/alerts.ts";
import { dashboardLines, dashboardQueries } from "../../scripts/observability/dashboard.ts";
import { observabilityFiles } from "../../scripts/observability/files.ts";
import { labelsMissing, labelsOfAnswer, selectorsOf } from "../support/promql.ts";
import { root } from "../tidy/source-files.ts";

/** What is made from the catalogue of metrics is what the catalogue makes of it now. */

/** Labels of a metric by its name in Prometheus; none for one that is not ours. */
function labelsInCatalogue(metric: string): readonly string[] {
  const base = metric.replace(/_bucket$/, "");
  const name = metricNames.find((one) => prometheusName(one) === base);
  const labels = name === undefined ? [] : Object.keys(definitionOf(name).labels ?? {});
  return base === metric ? labels : [...labels, "le"];
}

describe("what is made from the catalogue of metrics", () => {
  test.each([...observabilityFiles()])(
    "%s is as it is generated (else: npm run observability)",
    (path, content) => {
      const file = join(root, path);
      expect(existsSync(file) && readFileSync(file, "utf8")).toBe(content);
    },
  );
});

describe("the alerts", () => {
  test("have a page each, and no page is left over", () => {
    const pages = globSync("deploy/runbooks/*.md", { cwd: root }).map((path) =>
      basename(path, ".md"),
    );
    expect(pages.sort()).toEqual(alerts.map(({ name }) => name).sort());
  });

  test.each(alerts)("$name has a page that says what it means and what to do", (alert) => {
    const text = readFileSync(join(root, "deploy/runbooks", `${alert.name}.md`), "utf8");
    expect(text.split("\n", 1)[0]).toBe(`# ${alert.name}: ${alert.summary}`);
    const headings = Array.from(text.matchAll(/^## (.*)$/gm), ([, heading]) => heading);
    expect(headings).toEqual(["What it means", "What to look at", "What to do"]);
  });

  test("ask for what Prometheus can read, and so does the dashboard", () => {
    const queries = [...dashboardQueries, ...alerts.map(({ expr }) => expr)];
    const asked = new Set(queries.flatMap(selectorsOf).map(({ metric }) => metric));
    expect(asked.size).toBeGreaterThan(50);
    expect(() => selectorsOf("sum(rate(a[5m])")).toThrow("no PromQL");
  });

  test("and the dashboard group by labels that the catalogue has, and legends name what is left", () => {
    const lines = [...dashboardLines, ...alerts.map(({ expr }) => ["", expr] as const)];
    expect(lines.filter((line) => labelsMissing(line, labelsInCatalogue).length > 0)).toEqual([]);
    const labelsOf = (query: string) => [...labelsOfAnswer(query, labelsInCatalogue)].sort();
    expect(labelsOf("millrace_peers")).toEqual(["instance", "job", "state"]);
    expect(labelsOf("sum by (state) (rate(millrace_peers[5m])) > 1")).toEqual(["state"]);
    expect(labelsOf("sum(millrace_peers) > 1 or sum by (job) (millrace_peers)")).toEqual([]);
    expect(() => labelsOf("sum by (nonsense) (millrace_peers)")).toThrow("no series has nonsense");
    expect(() => labelsOf("sum by (state) (sum(millrace_peers))")).toThrow("no series has state");
    expect(() => labelsOf("histogram_quantile(0.9, sum(millrace_peers))")).toThrow("without le");
    const line = ["{{state}} {{nonsense}}", "sum by (state) (millrace_peers)"] as const;
    expect(labelsMissing(line, labelsInCatalogue)).toEqual(["nonsense"]);
  });

  test("and the dashboard leave no metric out", () => {
    const queries = [...dashboardQueries, ...alerts.map(({ expr }) => expr)];
    const asked = queries.flatMap(selectorsOf).map(({ metric }) => metric.replace(/_bucket$/, ""));
    const known = metricNames.map(prometheusName);
    expect(known.filter((name) => !asked.includes(name))).toEqual([]);
  });
});

describe("docs/observability.md", () => {
  test("has every span, with its role and its kind", () => {
    const text = readFileSync(join(root, "docs/observability.md"), "utf8");
    const rows = Array.from(
      text.matchAll(/^\| `([a-z ]+)` +\| (\w+) +\| (\w+) +\| (.+?) +\|$/gm),
      (row) => row.slice(1),
    );
    expect(rows).toEqual(
      Object.entries(spans).map(([name, { role, kind, description }]) => [
        name,
        role,
        kind,
        description,
      ]),
    );
  });
});

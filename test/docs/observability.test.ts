import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { metricNames } from "@millrace/shared/telemetry/metrics";
import { prometheusName } from "@millrace/shared/telemetry/observe";
import { spans } from "@millrace/shared/telemetry/spans";
import { describe, expect, test } from "vitest";
import { alerts } from "../../scripts/observability/alerts.ts";
import { dashboardQueries } from "../../scripts/observability/dashboard.ts";
import { observabilityFiles } from "../../scripts/observability/files.ts";
import { selectorsOf } from "../support/promql.ts";
import { root } from "../tidy/source-files.ts";

/** What is made from the catalogue of metrics is what the catalogue makes of it now. */

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

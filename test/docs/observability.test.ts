import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { spans } from "@millrace/shared/telemetry/spans";
import { describe, expect, test } from "vitest";
import { observabilityFiles } from "../../scripts/observability/files.ts";
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

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
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

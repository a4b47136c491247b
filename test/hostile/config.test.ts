import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { loadConfig } from "@millrace/cli/config/load";
import { settings } from "@millrace/cli/config/settings";
import { isOperational } from "@millrace/shared/errors/operational";
import { afterAll, describe, expect, test, vi } from "vitest";
import { draws, hostileJson, hostileText } from "./draws.ts";

// How long it takes depends on how much is drawn, and by how busy a machine.
vi.setConfig({ testTimeout: 600_000 });

/** Settings of any kind are taken, or refused in one sentence that names the setting and keeps secrets. */

const folder = mkdtempSync(join(tmpdir(), "millrace-hostile-"));
afterAll(() => rmSync(folder, { recursive: true }));

const names = Object.keys(settings) as (keyof typeof settings)[];
const SECRET = "s3cr3t-of-mine";
const value = fc.oneof(
  hostileText,
  hostileText.map((text) => `kafka://me:${SECRET}@${text}`),
  hostileText.map((text) => `redis://:${SECRET}@${text}/${text}`),
  fc.constantFrom("kafka://a:9092", "file:x", "0", "-1", "65536", "1e9", "true", "single-broker,"),
);
const flags = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
const env = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...names.map((name) => settings[name].env as string)),
    hostileText.map((text) => `MILLRACE_${text}`),
  ),
  value,
  { maxKeys: 3 },
);
const file = fc.oneof(
  hostileText,
  fc
    .dictionary(fc.constantFrom<string>(...names), hostileJson, { maxKeys: 3 })
    .map((json) => JSON.stringify(json)),
  fc.constantFrom(
    "a: &a [*a]",
    "- 1",
    "?",
    "mqttPort: 1\nmqttPort: 2",
    "!!js/function x",
    "\t",
    `token: [${SECRET}]`,
  ),
);

describe("settings of any kind", () => {
  test("are taken, or refused with a code, in a sentence", () => {
    const path = join(folder, "millrace.yaml");
    fc.assert(
      fc.property(flags, env, fc.option(file), (given, environment, text) => {
        writeFileSync(path, text ?? "");
        try {
          expect(Object.isFrozen(loadConfig({ flags: given, env: environment, file: path }))).toBe(
            true,
          );
        } catch (error) {
          if (!isOperational(error, "CONFIG-001", "CONFIG-002", "CONFIG-003")) throw error;
          expect(error.message.length).toBeLessThan(2_000);
          expect(error.message).not.toContain(SECRET);
        }
      }),
      draws(500),
    );
  });
});

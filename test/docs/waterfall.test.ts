import { readFileSync } from "node:fs";
import { join } from "node:path";
import { traceOperationOf } from "@millrace/cli/compose/traces";
import { writeTrace } from "@millrace/cli/output/waterfall";
import type { TracedStep } from "@millrace/gateway/api/operations";
import { afterEach, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { root } from "../tidy/source-files.ts";
import { fencesIn } from "./page.ts";

/** The waterfall of docs/observability.md is what `millrace trace` draws of that flow, times included. */

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

/** Somebody knocks at two houses; the chime of the second one is away. */
async function knock(): Promise<{ readonly items: readonly TracedStep[] }> {
  const flows = readFileSync(join(root, "test/integration/flows/traced/porch.yaml"), "utf8");
  const { world, http } = await DispatchedWorld.open({
    flows: flows.split(/^---$/m),
    partitions: 8,
  });
  http.host = () => ({ status: 200, body: '{"name":"ANN"}', afterMs: 40 });
  for (const [house, traceId] of [
    ["h1", "a".repeat(32)],
    ["h2", ID],
  ] as const) {
    const payload = Buffer.from(JSON.stringify({ host: "faces:8000", street: "elm", book: "log" }));
    const device = { ns: "default", client: "d1", qos: 1 } as const;
    const trace = `00-${traceId}-00f067aa0ba902b7-01`;
    const topic = `house/${house}/knock`;
    await world.process.ingest.write({ ...device, topic, payload, trace });
    await world.advance(2_000);
  }
  const find = traceOperationOf({ log: world.process.log, clock: world.clock } as never);
  return await find({ ns: "default", id: ID, sinceMs: 60_000 });
}

afterEach(() => vi.unstubAllEnvs());

test("the waterfall of the page is what the command draws", async () => {
  vi.stubEnv("TZ", "UTC"); // the command writes local times
  const path = join(root, "docs/observability.md");
  const fences = fencesIn(readFileSync(path, "utf8"), path);
  const page = fences.find(
    ({ heading, info }) => heading === "Without a collector" && info === "text",
  );
  const { items } = await knock();
  expect(page?.text).toBe(`${writeTrace(ID, items)}\n`);
});

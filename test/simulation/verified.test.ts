import { verify } from "@millrace/engine/query/verify/verify";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import type { Json } from "@millrace/shared/contract/json";
import type { Flow } from "@millrace/shared/flow/flow";
import { compilePublished } from "@millrace/shared/flow/load";
import { readRegistry } from "@millrace/shared/log/registry";
import type { EventLog } from "@millrace/shared/ports/event-log";
import { expect, test } from "vitest";
import { range } from "./seeds.ts";
import { livedThrough } from "./simulation.ts";

const always = { since: undefined, until: undefined };

test("what engines decided in worlds full of faults, they would decide again", async () => {
  const found: unknown[] = [];
  let [steps, again] = [0, 0];
  for (const seed of range(1, 8)) {
    const { logs } = await livedThrough(seed);
    const log = new MemoryLog(logs);
    const onDifference = (difference: object): void => void found.push({ seed, ...difference });
    const summary = await verify(log, { range: always, onDifference });
    expect(summary.undecided).toEqual({});
    steps += summary.steps;
    // Another version that says the same, of flows that had one version only.
    for (const flow of await unchangedFlows(log)) {
      const same = compilePublished({ ...flow.file, description: "the same" } as Json);
      again += (await verify(log, { range: always, with: same, onDifference })).steps;
    }
  }
  expect(found).toEqual([]);
  expect(steps).toBeGreaterThan(400);
  expect(again).toBeGreaterThan(200);
}, 60_000);

async function unchangedFlows(log: EventLog): Promise<Flow[]> {
  const versions = new Map<string, Map<string, Json>>();
  for (const { record } of await readRegistry(log)) {
    if (record.kind !== "flow") continue;
    const known = versions.get(record.name) ?? new Map<string, Json>();
    versions.set(record.name, known.set(record.version, record.file as Json));
  }
  return [...versions.values()]
    .filter((files) => files.size === 1)
    .flatMap((files) => Array.from(files.values(), (file) => compilePublished(file)));
}

import { readdirSync } from "node:fs";
import type { Difference } from "@millrace/engine/query/verify/report";
import { verify } from "@millrace/engine/query/verify/verify";
import type { Cause } from "@millrace/shared/contract/journal-record";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { describe, expect, test } from "vitest";
import { readHistory } from "./history-file.ts";

/** What was decided once is decided so again, whatever has changed in the program since. */

const files = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".jsonl"));

describe("recorded journals", () => {
  test("are there", () => expect(files.length).toBeGreaterThanOrEqual(4));

  test("have what operators do: acts, a migration, what it could not move, and redrives", () => {
    const logs = readHistory(new URL("operators.jsonl", import.meta.url));
    const causes = [0, 1]
      .flatMap((partition) => logs.all("journal", partition))
      .flatMap(({ value }) => (JSON.parse(String(value)) as { cause?: Cause; code?: string }))
      .map(({ cause, code }) => (cause?.kind === "operator" ? `${cause.type} ${code ?? ""}` : cause?.kind));
    for (const wanted of ["pause ", "resume ", "cancel ", "migrate ", "migrate unknown-state", "redrive"])
      expect(causes.filter((one) => one === wanted).length, wanted).toBeGreaterThan(1);
  });

  test.each(files)("%s", async (name) => {
    const log = new MemoryLog(readHistory(new URL(name, import.meta.url)));
    const differences: Difference[] = [];
    const { steps, rejections, undecided } = await verify(log, {
      range: { since: undefined, until: undefined },
      onDifference: (difference) => differences.push(difference),
      onFault: (flow, why) => expect.unreachable(`${flow} cannot be compiled any more: ${why}`),
    });
    expect(differences).toEqual([]);
    expect(undecided).toEqual({});
    expect([steps > 50, rejections > 0]).toEqual([true, true]);
  });
});

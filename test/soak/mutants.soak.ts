import { afterAll, describe, expect, test } from "vitest";
import { type Mutant, mutants } from "../simulation/mutants/mutants.ts";
import { type Noticed, runSeeds, tableOf } from "../simulation/mutants/run.ts";

const HOUR_MS = 3_600_000;

/** How many of the seeds of `npm test` each mutant needs. */
describe("within 2,000 seeds, the simulation notices", () => {
  const noticed = new Map<Mutant, Noticed>();

  afterAll(() => console.log(tableOf(noticed)));

  test.each(mutants.filter(({ noticedBy }) => "seed" in noticedBy))(
    "$name",
    async (mutant) => {
      const found = await runSeeds(mutant, ["1-2000"], HOUR_MS);
      noticed.set(mutant, found);
      expect(found.seed).toBeDefined();
    },
    HOUR_MS,
  );
});

import { afterAll, describe, expect, test } from "vitest";
import { expectToHold } from "../replay.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { type Noticed, runSeeds, runTest, tableOf, timesFound } from "./run.ts";

const WAIT_MS = 60_000;
/** A change of the product makes other worlds of the same seeds: most mutants fall within these, too. */
const OTHERS = "1-60";

describe("the simulation notices", () => {
  const noticed = new Map<Mutant, Noticed>();

  afterAll(() => console.log(tableOf(noticed)));

  test.each(mutants)(
    "$name",
    async (mutant) => {
      expect(timesFound(mutant), `the snippet stands once in ${mutant.file}`).toBe(1);
      const { noticedBy: by } = mutant;
      const found =
        "test" in by
          ? await runTest(mutant, by.test, WAIT_MS)
          : await runSeeds(mutant, [`${by.seed}`, OTHERS], WAIT_MS);
      noticed.set(mutant, found);
      const what = "test" in by ? by.test : `seed ${by.seed}, nor ${OTHERS}`;
      expect(
        found.broken,
        `neither ${what}; \`npm run soak -- mutants\` finds other seeds`,
      ).toBeDefined();
      // Another seed is another story: there is no word on what it breaks.
      if ("seed" in by && found.seed === by.seed)
        expect(found.invariants, `what seed ${by.seed} breaks, by mutants.ts`).toContain(by.breaks);
    },
    WAIT_MS + 5_000,
  );

  test("nothing in the product as it is, with the same seeds", async () => {
    const seeds = mutants.flatMap(({ noticedBy: by }) => ("seed" in by ? [by.seed] : []));
    await expectToHold(new Set(seeds));
  }, 120_000);
});

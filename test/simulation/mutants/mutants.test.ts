import { afterAll, describe, expect, test } from "vitest";
import { expectToHold } from "../replay.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { type Noticed, runMutant, tableOf, timesFound } from "./run.ts";

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
      const found = await runMutant(mutant, [`${mutant.seed}`, OTHERS], WAIT_MS);
      noticed.set(mutant, found);
      expect(
        found.broken,
        `neither seed ${mutant.seed} nor ${OTHERS}; \`npm run soak -- mutants\` finds others`,
      ).toMatch(/^I\d /);
    },
    WAIT_MS + 5_000,
  );

  test("nothing in the product as it is, with the same seeds", async () => {
    await expectToHold(new Set(mutants.map(({ seed }) => seed)));
  }, 120_000);
});

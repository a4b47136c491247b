import { simulate } from "./simulation.ts";

/** Runs seeds one after the other. @throws Error with the history of the first one that fails */
export async function expectToHold(seeds: Iterable<number>): Promise<void> {
  for (const seed of seeds) {
    const { broken } = await simulate(seed);
    if (broken.length === 0) continue;
    const { history } = await simulate(seed, true);
    throw new Error(
      [
        `seed ${seed} of the simulation breaks invariants; \`SEED=${seed} npm test -- test/simulation/one-seed.test.ts\` runs it alone.`,
        ...history,
        ...broken,
      ].join("\n"),
    );
  }
}

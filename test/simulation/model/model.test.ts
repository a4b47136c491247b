import { describe, expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { amended, type Rules } from "./rules.ts";
import { type Course, run } from "./run.ts";
import * as stories from "./stories.ts";

/**
 * The log protocol as a model: docs/architecture.md says what it covers.
 *
 * `SEEDS=200000` tries more seeds than those of every run, `SEED=7` prints the history of one.
 */
const SEEDS = Number(process.env["SEEDS"] ?? 3_000);
const SEED = process.env["SEED"];

const file = "test/simulation/model";

/** What a walk that has become tame would miss first. */
const met = [
  /rebuilds the store from [1-9]/,
  /has the floor \d+, drops \w/,
  /the journal is cut at/,
  /events are cut at/,
  /takes over what is parked/,
  /ends: another has written/,
  /ends: a page is refused/,
  /ends: its commit is refused/,
  /ends: dies while it copies/,
  /ends: the store knows a newer claim/,
  /a late append lands/,
  /step \w by send/,
  /step \w by parked/,
  /step \w by result/,
];

function firstBroken(seeds: number, rules: Rules, course: Course = {}) {
  for (let seed = 1; seed <= seeds; seed++) {
    const { failure } = run(seed, rules, course);
    if (failure !== undefined) return { seed, failure };
  }
  return undefined;
}

/** What a person needs to look into it. */
function report(seed: number): string {
  const { failure, history } = run(seed, amended, { tells: true });
  const again = `SEED=${seed} npx vitest run --project unit ${file} -t "the history"`;
  return [...history, failure ?? "holds", `again: ${again}`].join("\n");
}

if (SEED !== undefined) {
  test(`the history of seed ${SEED}`, () => {
    console.log(report(Number(SEED)));
  });
}

describe("the log protocol", () => {
  test(
    `holds for ${SEEDS} seeds`,
    () => {
      const broken = firstBroken(SEEDS, amended);
      expect(broken, broken && report(broken.seed)).toBeUndefined();
    },
    SEEDS * 10,
  );

  test("is put to all that can happen to it", () => {
    const lines = Array.from({ length: 400 }, (_, seed) => run(seed, amended, { tells: true }));
    const text = lines.flatMap(({ history }) => history).join("\n");
    const missed = met.filter((what) => !what.test(text));
    expect(missed).toEqual([]);
  });

  test.each(Object.entries(stories))("holds in the story %s", (_, story) => {
    expect(firstBroken(100, amended, { story })).toBeUndefined();
  });

  test.each([
    ["floors are taken from records that may be void", { floorVerified: false }],
    ["a floor is named with its last refresh", { floorNamed: "with its last refresh" } as const],
  ])("holds as well when %s, for either of the two rules is enough", (_, change) => {
    expect(firstBroken(500, { ...amended, ...change })).toBeUndefined();
  });

  test.each(Object.entries(mutants))("breaks when %s", (_, { change, course, seeds }) => {
    expect(firstBroken(seeds, { ...amended, ...change }, course)).toBeDefined();
  });
});

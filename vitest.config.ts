import { defineConfig } from "vitest/config";
import { mutatedSource } from "./test/simulation/mutants/mutated.ts";

/** Suites that need Kafka, Redis or programs of others; the rest is quick and runs first. */
const integration = [
  "test/integration/**/*.test.ts",
  "test/conformance/**/*.{kafka,redis}.test.ts",
];
const tidy = ["test/tidy/**/*.test.ts"];
/** What takes longer than anybody waits: `npm run soak -- NAME`, never `npm test`. */
const soak = ["test/soak/**/*.soak.ts"];

/** Our packages as they are written, not as they were last built. */
const conditions = ["millrace:source", "module", "node", "development|production"];

/** Tests of the tests run with a source that is changed as it is loaded, and is kept nowhere. */
const mutation = { name: "mutation", enforce: "pre" as const, load: mutatedSource };

export default defineConfig({
  plugins: [mutation],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["millrace:source", "node", "module-sync"] } },
  test: {
    pool: "forks",
    fsModuleCache: process.env["MUTANT"] === undefined,
    maxWorkers: 2,
    allowOnly: false,
    bail: 0,
    passWithNoTests: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: "tidy", include: tidy, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...integration, ...tidy],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: integration,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: { name: "soak", include: soak, testTimeout: 3_600_000, sequence: { groupOrder: 3 } },
      },
    ],
  },
});

import { test } from "vitest";
import { expectToHold } from "../simulation/replay.ts";

/** `npm run soak -- simulation --minutes 60`: fresh seeds, from a random one on. */
const minutes = Number(process.env["MILLRACE_SOAK_MINUTES"] ?? 10);
/** Above those of `npm test`, and short enough to be typed. */
const SEED_MIN = 1_000_000;

test(
  `fresh seeds hold all invariants for ${minutes} minutes`,
  async () => {
    const from = SEED_MIN + Math.floor(Math.random() * 1_000_000_000);
    const end = performance.now() + minutes * 60_000;
    let seeds = 0;
    for (; performance.now() < end; seeds++) await expectToHold([from + seeds]);
    console.log(`${seeds} seeds held, ${from} to ${from + seeds - 1}`);
  },
  (minutes + 5) * 60_000,
);

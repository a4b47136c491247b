import { test } from "vitest";
import { expectToHold } from "./replay.ts";
import { range } from "./seeds.ts";

test("seeds 1 to 1000 hold all invariants", async () => {
  await expectToHold(range(1, 1000));
}, 600_000);

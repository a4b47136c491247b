import { test } from "vitest";
import { expectToHold } from "./replay.ts";
import { range } from "./seeds.ts";

test("seeds 1001 to 2000 hold all invariants", async () => {
  await expectToHold(range(1001, 2000));
}, 600_000);

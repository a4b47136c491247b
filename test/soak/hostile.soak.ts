import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Hostile input, drawn anew until the time is over: `npm run soak -- hostile --minutes 30`. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);
const drawn = [
  "test/hostile/records.test.ts",
  "test/hostile/requests.test.ts",
  "test/hostile/config.test.ts",
  "test/hostile/expressions.test.ts",
  "packages/gateway/src/listen/fuzz.test.ts",
  "packages/gateway/src/peer/peer-listener.test.ts",
  "packages/shared/src/flow/patterns.test.ts",
];
/** How many times as much as `npm test` draws with one seed. */
const TIMES = 3;

const minutes = Number(process.env["MILLRACE_SOAK_MINUTES"] ?? 5);

/** @returns how it ended, with what it said where that was not well */
async function run(seed: number): Promise<{ code: number | null; said: string }> {
  const env = {
    ...process.env,
    MILLRACE_TEST_HOSTILE_SEED: String(seed),
    MILLRACE_TEST_HOSTILE_TIMES: String(TIMES),
  };
  const options = ["run", "--project=unit", "--testTimeout=600000", "--reporter=dot"];
  const child = spawn(process.execPath, [vitest, ...options, ...drawn], { cwd: root, env });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part: Buffer) => parts.push(part));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, said: code === 0 ? "" : Buffer.concat(parts).toString() };
}

test(`hostile input of ${minutes} minutes finds nothing that is not answered`, async () => {
  const end = performance.now() + minutes * 60_000;
  let runs = 0;
  do {
    const seed = randomInt(2 ** 31);
    expect({ seed, ...(await run(seed)) }).toEqual({ seed, code: 0, said: "" });
    runs += 1;
  } while (performance.now() < end);
  expect(runs).toBeGreaterThan(0);
});

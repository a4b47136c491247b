/** Runs vitest and counts what it reports. Nothing may pass by not having run. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "./setup.mjs";

/**
 * @param folder where the report is written
 * @param args for vitest: filters and options
 * @param tally takes one entry per test, suite that could not load, and skipped test (as failed)
 */
export async function runVitest({ folder, args, env, tally }) {
  const report = join(folder, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await tool("vitest", ["run", ...reporters, ...args], { env });
  const failedBefore = tally.failed;
  if (existsSync(report)) {
    const byName = args.some((arg) => /^(-t|--testNamePattern)\b/.test(arg));
    countReport(JSON.parse(readFileSync(report, "utf8")), byName, tally);
  }
  if (code === 0 || tally.failed > failedBefore) return;
  console.error(`vitest ended with ${code} for a reason that is no test's; see above`);
  tally.add(false);
}

/** @param byName tests were chosen by name, so that the others are reported as skipped and are not counted */
function countReport(report, byName, tally) {
  for (const suite of report.testResults) {
    for (const test of suite.assertionResults) countTest(suite, test, byName, tally);
    const failedItself =
      suite.status === "failed" &&
      suite.assertionResults.every(({ status }) => status === "passed");
    if (failedItself) tally.add(false);
  }
}

function countTest(suite, test, byName, tally) {
  if (test.status === "passed" || test.status === "failed")
    return tally.add(test.status === "passed");
  if (byName) return;
  console.error(`${test.status}, which counts as failed: ${suite.name} > ${test.fullName}`);
  tally.add(false);
}

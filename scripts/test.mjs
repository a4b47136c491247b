/**
 * npm test [-- vitest's filters and options]: installs what is missing and runs everything, the checks first.
 * With filters only vitest runs. The last line is `N passed, N failed`.
 */
import { checks, runCheck } from "./check.mjs";
import { explain, main } from "./lib/process.mjs";
import { openRun } from "./lib/run-folder.mjs";
import { startServers } from "./lib/servers.mjs";
import { ensureBuilt, ensureInstalled } from "./lib/setup.mjs";
import { Tally } from "./lib/tally.mjs";
import { runVitest } from "./lib/vitest.mjs";

const filters = process.argv.slice(2);

await main(async () => {
  const startedAt = performance.now();
  const tally = new Tally();
  await counted(tally, () => testAll(tally));
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`took ${Math.floor(seconds / 60)} min ${seconds % 60} s`);
  return tally.close();
});

/** Work that is no test: it counts when it fails. */
async function counted(tally, work) {
  await work().catch((error) => {
    explain(error);
    tally.add(false);
  });
}

async function testAll(tally) {
  await ensureInstalled();
  if (filters.length === 0) await checkAll(tally);
  await counted(tally, ensureBuilt); // most tests run from the source, and may tell more than the compiler
  const run = openRun();
  try {
    const servers = await startServers(run.env);
    const env = { ...run.env, ...servers.addresses };
    await runVitest({ folder: run.folder, args: ["--project=!soak", ...filters], env, tally });
    await servers.stop();
  } finally {
    await run.close();
  }
}

async function checkAll(tally) {
  for (const check of checks) if (!check.inVitest) tally.add(await runCheck(check));
}

/** npm run soak -- NAME: runs test/soak/NAME.soak.ts, which takes too long for npm test. The last line is `N passed, N failed`. */
import { namedProgram } from "./lib/named.mjs";
import { main } from "./lib/process.mjs";
import { openRun } from "./lib/run-folder.mjs";
import { startServers } from "./lib/servers.mjs";
import { ensureBuilt, ensureInstalled } from "./lib/setup.mjs";
import { Tally } from "./lib/tally.mjs";
import { runVitest } from "./lib/vitest.mjs";

await main(async () => {
  const { path, args } = namedProgram("soak", "test/soak", ".soak.ts");
  await ensureInstalled();
  await ensureBuilt();
  const tally = new Tally();
  const run = openRun();
  try {
    const servers = await startServers(run.env);
    const env = { ...run.env, ...servers.addresses };
    const vitest = ["--project=soak", path, ...args];
    await runVitest({ folder: run.folder, args: vitest, env, tally });
    await servers.stop();
  } finally {
    await run.close();
  }
  return tally.close();
});

/**
 * npm run soak -- NAME [--minutes N]: runs test/soak/NAME.soak.ts, which takes too long for npm test.
 * How long one lasts that draws anew until its time is over, it reads from MILLRACE_SOAK_MINUTES. The
 * last line is `N passed, N failed`.
 */
import { namedProgram } from "./lib/named.mjs";
import { Failure, main } from "./lib/process.mjs";
import { openRun } from "./lib/run-folder.mjs";
import { startServers } from "./lib/servers.mjs";
import { ensureBuilt, ensureInstalled } from "./lib/setup.mjs";
import { Tally } from "./lib/tally.mjs";
import { runVitest } from "./lib/vitest.mjs";

await main(async () => {
  const { path, args } = namedProgram("soak", "test/soak", ".soak.ts");
  const minutes = takeMinutes(args);
  await ensureInstalled();
  await ensureBuilt();
  const tally = new Tally();
  const run = openRun();
  try {
    const servers = await startServers(run.env);
    const env = { ...run.env, ...servers.addresses, ...minutes };
    const vitest = ["--project=soak", path, ...args];
    await runVitest({ folder: run.folder, args: vitest, env, tally });
    await servers.stop();
  } finally {
    await run.close();
  }
  return tally.close();
});

/** Takes `--minutes N` out of the arguments. @returns it as the environment that soak tests read */
function takeMinutes(args) {
  const at = args.indexOf("--minutes");
  if (at < 0) return {};
  const [, minutes] = args.splice(at, 2);
  if (!(Number(minutes) > 0))
    throw new Failure(`--minutes is followed by a number above 0, not ${minutes}`);
  return { MILLRACE_SOAK_MINUTES: minutes };
}

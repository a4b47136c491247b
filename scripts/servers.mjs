/** npm run servers [-- --data DIR]: a Kafka broker and a Redis to try Millrace on, until Ctrl-C. */
import { resolve } from "node:path";
import { Failure, main, untilInterrupted } from "./lib/process.mjs";
import { openRun } from "./lib/run-folder.mjs";
import { startServers } from "./lib/servers.mjs";
import { ensureInstalled } from "./lib/setup.mjs";

await main(async () => {
  const args = dataArgs(process.argv.slice(2));
  await ensureInstalled();
  const run = openRun();
  try {
    const servers = await startServers(run.env, args);
    show(servers.addresses);
    await untilInterrupted();
    await servers.stop();
    return 0;
  } finally {
    await run.close();
  }
});

function dataArgs(args) {
  if (args.length === 0) return ["--only-single"];
  if (args.length === 2 && args[0] === "--data")
    return ["--only-single", "--data", resolve(args[1])];
  throw new Failure("usage: npm run servers [-- --data DIR]");
}

function show(addresses) {
  console.log("\nKafka and Redis are up until Ctrl-C. In another terminal:\n");
  console.log(`export MILLRACE_LOG_URL=${addresses.MILLRACE_TEST_KAFKA}`);
  console.log(`export MILLRACE_STATE_URL=${addresses.MILLRACE_TEST_REDIS}`);
  console.log("export MILLRACE_ALLOW=single-broker");
}

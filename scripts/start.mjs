/**
 * npm start [-- arguments]: installs, builds, and runs the all-in-one process with the example flows and
 * a small fleet. The arguments are those of `millrace start`; MILLRACE_FLOWS, too, names other flows.
 */
import { join } from "node:path";
import { main, run } from "./lib/process.mjs";
import { ensureBuilt, ensureInstalled, node24, root } from "./lib/setup.mjs";

await main(async () => {
  await ensureInstalled();
  const node = await node24();
  await ensureBuilt();
  const millrace = join(root, "packages", "cli", "bin", "millrace.mjs");
  const flows = process.env.MILLRACE_FLOWS ? [] : ["--flows", "examples"];
  const args = ["start", ...flows, "--fleet", ...process.argv.slice(2)];
  return (await run(node, [millrace, ...args], { cwd: root })).code;
});

/** npm run bench -- NAME [arguments]: runs bench/NAME.ts. */
import { namedProgram } from "./lib/named.mjs";
import { main, run } from "./lib/process.mjs";
import { openRun } from "./lib/run-folder.mjs";
import { ensureInstalled, node24 } from "./lib/setup.mjs";

await main(async () => {
  const { path, args } = namedProgram("bench", "bench", ".ts");
  await ensureInstalled();
  const node = await node24();
  const servers = openRun();
  const env = { ...process.env, ...servers.env };
  try {
    return (await run(node, ["--conditions=millrace:source", path, ...args], { env })).code;
  } finally {
    await servers.close();
  }
});

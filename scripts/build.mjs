/** npm run build: compiles what is stale into the dist/ of each package. */
import { main } from "./lib/process.mjs";
import { ensureBuilt, ensureInstalled } from "./lib/setup.mjs";

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
});

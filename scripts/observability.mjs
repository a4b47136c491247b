/** npm run observability: makes docs/metrics.md, the dashboard and the alerts from the catalogue of metrics. */
import { fileURLToPath } from "node:url";
import { main, run } from "./lib/process.mjs";
import { ensureInstalled, node24 } from "./lib/setup.mjs";

await main(async () => {
  await ensureInstalled();
  const path = fileURLToPath(new URL("observability/generate.ts", import.meta.url));
  return (await run(await node24(), ["--conditions=millrace:source", path])).code;
});

/** npm run histories: records the journals of test/histories anew. */
import { main, run } from "./lib/process.mjs";
import { ensureInstalled, node24 } from "./lib/setup.mjs";

await main(async () => {
  await ensureInstalled();
  const args = ["--conditions=millrace:source", "test/histories/record.ts"];
  return (await run(await node24(), args)).code;
});

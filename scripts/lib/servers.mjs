/** Starts the Kafka and the Redis that tests and people share, by test/support/servers/shared.ts. */
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Failure, start } from "./process.mjs";
import { node24, root } from "./setup.mjs";

/**
 * @param env what tells the servers of the run they belong to, see run-folder.mjs
 * @param args for shared.ts
 * @returns addresses by the names that test/support/servers/find.ts reads, and what stops the servers
 */
export async function startServers(env, args = []) {
  const script = join(root, "test", "support", "servers", "shared.ts");
  const child = start(await node24(), [script, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"], // it stops its servers when its input ends
  });
  const ended = once(child, "exit");
  const addresses = await firstReport(child.stdout);
  if (!addresses)
    throw new Failure("The servers that the tests need could not be started; see above.");
  return {
    addresses,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Shows the child's lines up to the one that is its report. @returns the report, if one came */
async function firstReport(stdout) {
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith("{")) return JSON.parse(line);
    console.log(line);
  }
  return undefined;
}

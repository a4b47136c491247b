import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";

/**
 * Our Redis work as scripts: a function loaded once answers on one master of a cluster only. Each file
 * in `lua/` says what its keys and arguments are, and why it must be atomic.
 */
const names = [
  "claim",
  "restart",
  "scan",
  "load",
  "due",
  "commit",
  "announce",
  "gateways",
  "attach",
  "reattach",
  "detach",
] as const;

type ScriptName = (typeof names)[number];

const keyCounts: Record<ScriptName, number> = {
  claim: 2,
  restart: 9,
  scan: 2,
  load: 2,
  due: 2,
  commit: 9,
  announce: 1,
  gateways: 1,
  attach: 1,
  reattach: 1,
  detach: 1,
};

export type Reply = [status: string, ...rest: (string | null)[]];

export type ScriptedRedis = (Redis | Cluster) & {
  [K in ScriptName as `millrace:${K}`]: (...args: (string | number)[]) => Promise<Reply>;
};

/** Teaches a client our scripts. ioredis sends the text once a server, and its hash from then on. */
export function withScripts(client: Redis | Cluster): ScriptedRedis {
  for (const name of names) {
    const lua = readFileSync(new URL(`../../../lua/${name}.lua`, import.meta.url), "utf8");
    client.defineCommand(`millrace:${name}`, { numberOfKeys: keyCounts[name], lua });
  }
  return client as ScriptedRedis;
}

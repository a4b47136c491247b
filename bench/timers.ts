/**
 * npm run bench -- timers [--json] [--log kafka|embedded] [--pending N] [--due N]
 *
 * What pending timers cost in a worker's memory (beside a worker without any), how long it takes until
 * all of those that are due in one second have fired, and what events wait for meanwhile.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startKafka } from "../test/support/servers/kafka.ts";
import { startRedis } from "../test/support/servers/redis.ts";
import { newDataFolder } from "../test/support/servers/run-folder.ts";
import type { Place } from "./engine/installation.ts";
import type { Burst, Task, Weight } from "./timers/worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    log: { type: "string" },
    pending: { type: "string" },
    due: { type: "string" },
  },
});
const pending = Number(values.pending ?? 1_000_000);
const due = Number(values.due ?? 60_000);
const logs = (values.log ?? "kafka,embedded").split(",") as Place["log"][];
const servers = logs.includes("kafka")
  ? { kafka: await startKafka(), redis: await startRedis() }
  : undefined;

let made = 0;

function newPlace(log: Place["log"]): Place {
  made += 1;
  if (log === "embedded") return { log, folder: newDataFolder("bench") };
  if (servers === undefined) throw new Error("no servers");
  return { log, kafka: servers.kafka.url, redis: servers.redis.url, prefix: `timers${made}` };
}

async function ask<T>(task: Task): Promise<T> {
  const child = fork(
    fileURLToPath(new URL("./timers/worker.ts", import.meta.url)),
    [JSON.stringify(task)],
    { execArgv: [...process.execArgv, "--expose-gc"] },
  );
  const ended = once(child, "exit");
  const figures = await Promise.race([
    once(child, "message").then(([message]) => message as T),
    ended.then(() => undefined),
  ]);
  await ended;
  if (figures === undefined) throw new Error(`the process for ${task.kind} ended without figures`);
  return figures;
}

for (const log of logs) {
  const full = newPlace(log);
  await ask({ kind: "arm", place: full, timers: pending });
  const withTimers = await ask<Weight>({ kind: "weigh", place: full });
  const without = await ask<Weight>({ kind: "weigh", place: newPlace(log) });
  const { drainedMs, quiet, busy } = await ask<Burst>({
    kind: "burst",
    place: newPlace(log),
    timers: due,
  });
  const row = {
    bench: "timers",
    log,
    pending,
    heapMiBOfPending: Math.round((withTimers.heapMiB - without.heapMiB) * 10) / 10,
    rssMiBOfPending: Math.round(withTimers.rssMiB - without.rssMiB),
    due,
    drainedMs,
    quietP50Ms: quiet.p50,
    quietP99Ms: quiet.p99,
    busyP50Ms: busy.p50,
    busyP99Ms: busy.p99,
  };
  if (values.json) console.log(JSON.stringify(row));
  else console.table([row]);
}
await Promise.all([servers?.kafka.stop(), servers?.redis.stop()]);
process.exit(0);

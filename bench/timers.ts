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
import { Places } from "./places.ts";
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
const places = await Places.open(values.log);

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

for (const log of places.logs) {
  const full = places.next(log);
  await ask({ kind: "arm", place: full, timers: pending });
  const withTimers = await ask<Weight>({ kind: "weigh", place: full });
  const without = await ask<Weight>({ kind: "weigh", place: places.next(log) });
  const { drainedMs, quiet, busy } = await ask<Burst>({
    kind: "burst",
    place: places.next(log),
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
await places.close();
process.exit(0);

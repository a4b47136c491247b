/**
 * npm run bench -- verify [--json] [--log kafka|embedded] [--instances N] [--events N]
 *
 * How many steps of the journal `millrace flow verify` decides again, in a second and in a second of its
 * CPU: by the version that decided them, and by another one that differs in a third of them.
 */
import { parseArgs } from "node:util";
import { measure } from "./engine/measure.ts";
import { preload } from "./engine/preload.ts";
import { Places } from "./places.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    log: { type: "string" },
    instances: { type: "string" },
    events: { type: "string" },
  },
});
const sizes = (values.instances ?? "1000,100000").split(",").map(Number);
const places = await Places.open(values.log);

for (const log of places.logs) {
  for (const instances of sizes) {
    const place = places.next(log);
    const events = Number(values.events ?? Math.max(300_000, instances * 4));
    await preload(place, events, instances);
    const task = { place, instances, events, warmUp: 0, keepsAll: true };
    await measure({ ...task, kind: "engine" });
    for (const kind of ["verify", "what-if"] as const) {
      const { steps, seconds, cpuSeconds, rssBytes } = await measure({ ...task, kind });
      const row = {
        bench: kind,
        log,
        instances,
        steps,
        stepsPerSecond: Math.round(steps / seconds),
        stepsPerCpuSecond: Math.round(steps / cpuSeconds),
        rssMiB: Math.round(rssBytes / 2 ** 20),
      };
      if (values.json) console.log(JSON.stringify(row));
      else console.table([row]);
    }
  }
}
await places.close();
process.exit(0);

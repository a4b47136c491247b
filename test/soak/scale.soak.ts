import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { latencies, showPauses } from "../chaos/report.ts";
import { namesOfDevices, type Resize, resize, showResizes } from "../chaos/scaling.ts";
import { expectNothingWrong, Stage } from "../chaos/stage.ts";

const PARTITIONS = 12;
const DEVICES_PER_PARTITION = 2;
/** As an autoscaler does: more and more under load, and fewer again. */
const COUNTS = [2, 4, 2, 1];

test("1, 2, 4 and again 1 of each role, under load: nothing acknowledged is lost or doubled", async () => {
  const names = namesOfDevices(PARTITIONS, DEVICES_PER_PARTITION);
  const stage = await Stage.open({
    servers: { brokers: 1 },
    processes: { gateway: 1, engine: 1, dispatcher: 1 },
    devices: { count: names.length, names, paceMs: 200, windowMax: 10 },
    partitions: PARTITIONS,
  });
  await sleep(5_000);
  const calm = showPauses("no change: of each event", latencies(stage.devices).command);
  const changes: Resize[] = [];
  for (const role of ["engine", "dispatcher", "gateway"] as const) {
    for (const to of COUNTS) {
      changes.push(await resize(stage, { role, to, partitions: PARTITIONS }));
      console.log(`${role}s: ${to}`);
    }
  }
  const findings = await stage.check();
  console.log([calm, showResizes(stage, changes, findings)].join("\n"));
  expectNothingWrong(findings);
});

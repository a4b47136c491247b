import { rebuild } from "@millrace/engine/query/rebuild";
import { isOperational, messageOf } from "@millrace/shared/errors/operational";
import { randomName } from "@millrace/shared/ports/clock";
import { LogClient } from "./log-client.ts";
import { Process } from "./process.ts";
import { StoreClient } from "./store-client.ts";
import type { World } from "./world.ts";

/** What the operator can answer by starting it again. */
const passing = ["LOG-002", "STATE-001", "STATE-002", "STATE-003"] as const;

/** `millrace rebuild` of one partition, in a process of its own. */
export async function runRebuild(world: World, partition: number, anew: boolean): Promise<void> {
  const process = new Process(world.newName("rebuild"), world.scheduler);
  const { clock, name } = process;
  world.note(name, () => `begins with ${partition}${anew ? ", anew" : ""}`);
  if (world.scheduler.chance(world.faults.rebuildsKilled)) {
    world.scheduler.after(world.scheduler.between(0, 400), () => process.kill());
  }
  world.rebuilding.add(process);
  process.atEnd(() => world.rebuilding.delete(process));
  const log = new LogClient(world, process);
  const store = new StoreClient(world, process);
  const parts = { log, store, clock, worker: randomName(clock, "r"), foldedMax: world.foldedMax };
  try {
    await rebuild(parts, partition, anew, () => {});
    world.note(name, () => "is done");
  } catch (error) {
    world.note(name, () => messageOf(error));
    if (!isOperational(error, ...passing)) world.stops.push(`${name}: ${messageOf(error)}`);
  }
  process.kill();
}

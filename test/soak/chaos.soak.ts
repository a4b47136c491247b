import { test } from "vitest";
import { chaos } from "../chaos/chaos.ts";
import { processFaults, serverFaults } from "../chaos/faults.ts";

/** Attacks: K2 of appender.ts. */

/** `--minutes N`; a seed that was printed comes back with MILLRACE_SOAK_SEED. */
const minutes = Number(process.env["MILLRACE_SOAK_MINUTES"] ?? 15);
const seed = Number(process.env["MILLRACE_SOAK_SEED"] ?? Date.now() % 1_000_000);

test("chaos on three brokers: nothing acknowledged is lost or doubled", async () => {
  await chaos({
    seed,
    servers: { brokers: 3, diskMb: 1024 },
    processes: { gateway: 2, engine: 3, dispatcher: 2 },
    devices: 30,
    partitions: 12,
    faults: { processes: Object.keys(processFaults), servers: Object.keys(serverFaults) },
    until: { minutes },
  });
});

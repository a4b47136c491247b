import { test } from "vitest";
import { chaos } from "../chaos/chaos.ts";

/** Attacks: W2 of events-writer.ts; T4 of tenure.ts; J2 of journal-writer.ts. */

test("a minute of chaos on one broker: nothing acknowledged is lost or doubled", async () => {
  await chaos({
    seed: 1,
    servers: { brokers: 1 },
    processes: { gateway: 2, engine: 2, dispatcher: 1 },
    devices: 20,
    partitions: 8,
    faults: {
      processes: ["engine: kill -9", "gateway: kill -9", "engine: SIGSTOP", "dispatcher: kill -9"],
      servers: [
        "Redis: failover to its replica",
        "Redis: FLUSHALL",
        "broker: kill -9",
        "Redis: kill -9, and back with what it had",
      ],
    },
    until: { rounds: 4 },
  });
}, 180_000);

import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { clusterInstallation, embeddedInstallation } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { killNine } from "./kill-nine.ts";

/** Attacks: W3 of events-writer.ts; T1 and T4 of tenure.ts. */

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

describe("kill -9 of the whole process after a PUBACK, five times", () => {
  test("loses nothing, embedded", async () => {
    await killNine(embeddedInstallation(flows), 5);
  }, 120_000);

  test("loses nothing on Kafka and Redis", async () => {
    const servers = { kafka: kafkaForTests(), redis: redisForTests() };
    await killNine(clusterInstallation(flows, servers), 5);
  }, 180_000);
});

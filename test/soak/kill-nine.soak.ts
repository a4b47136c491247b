import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { killNine } from "../integration/kill-nine.ts";
import { clusterInstallation, embeddedInstallation } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";

const flows = fileURLToPath(new URL("../integration/flows/counting", import.meta.url));

describe("kill -9 of the whole process after a PUBACK, fifty times", () => {
  test("loses nothing, embedded", async () => {
    await killNine(embeddedInstallation(flows), 50);
  });

  test("loses nothing on Kafka and Redis", async () => {
    const servers = { kafka: kafkaForTests(), redis: redisForTests() };
    await killNine(clusterInstallation(flows, servers), 50);
  });
});

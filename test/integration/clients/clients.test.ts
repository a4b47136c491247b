import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { clusterInstallation, embeddedInstallation } from "../../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../../support/servers/find.ts";
import { clients } from "./clients.ts";

const flows = fileURLToPath(new URL("../flows/counting", import.meta.url));
const ids = ["one", "two", "three", "four", "five"];

test.each([
  { form: "embedded", open: () => embeddedInstallation(flows) },
  {
    form: "on Kafka and Redis",
    open: () => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }),
  },
])(
  "each client gets the command for each of its events, in order, $form",
  async ({ open }) => {
    const millrace = await open().start();
    const url = new URL(millrace.mqtt);
    const names = Object.keys(clients);
    const echoed = await Promise.all(
      Object.entries(clients).map(async ([name, client]) => [name, await client(url, name, ids)]),
    );
    expect(Object.fromEntries(echoed)).toEqual(
      Object.fromEntries(names.map((name) => [name, ids])),
    );
    expect(await millrace.stop()).toBe(0);
  },
  60_000,
);

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { clusterInstallation, embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { until } from "../support/until.ts";

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

async function ticks(mqtt: string, device: CountingDevice, round: number): Promise<void> {
  await device.connect(mqtt);
  for (let i = 1; i <= 3; i++) await device.tick(`${round}-${i}`);
  await device.close();
}

describe("`millrace rebuild`", () => {
  test("embedded, while nothing runs", async () => {
    const installation = embeddedInstallation(flows);
    const device = new CountingDevice("d1");
    const first = await installation.start();
    await ticks(first.mqtt, device, 1);
    const env = { ...installation.env, MILLRACE_LOG_URL: `file:${installation.dataFolder ?? ""}` };
    const early = await runMillrace(["rebuild"], { env });
    expect([early.code, early.stderr]).toEqual([
      1,
      expect.stringMatching(/START-003 .*process \d+/),
    ]);
    await first.stop();

    const { code, stdout } = await runMillrace(["rebuild"], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^rebuilt 8 partitions from \d+ records/);
    const second = await installation.start();
    await ticks(second.mqtt, device, 2);
    await until(async () => {
      const instance = await second.instance("counting", "d1");
      return JSON.stringify(instance?.context["events"]) === JSON.stringify(device.acknowledged);
    });
    await second.stop();
  }, 60_000);

  test("on Kafka and Redis, while everything runs", async () => {
    const servers = { kafka: kafkaForTests(), redis: redisForTests() };
    const installation = clusterInstallation(flows, servers);
    const device = new CountingDevice("d1");
    const millrace = await installation.start();
    await ticks(millrace.mqtt, device, 1);
    const { env } = installation;
    const { code, stdout, stderr } = await runMillrace(["rebuild", "--json"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trim().split("\n");
    expect(
      lines
        .map((line) => (JSON.parse(line) as { partition: number }).partition)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 8 }, (_, partition) => partition));
    await ticks(millrace.mqtt, device, 2);
    await until(async () => {
      const instance = await millrace.instance("counting", "d1");
      return JSON.stringify(instance?.context["events"]) === JSON.stringify(device.acknowledged);
    }, 30_000);
    await millrace.stop();
  }, 90_000);

  test("says what it cannot do", async () => {
    const installation = embeddedInstallation(flows);
    await (await installation.start()).stop();
    const env = { MILLRACE_LOG_URL: `file:${installation.dataFolder ?? ""}` };
    const { code, stderr } = await runMillrace(["rebuild", "--only", "3,9"], { env });
    expect([code, stderr]).toEqual([2, "millrace: there is no partition 9; they are 0 to 7\n"]);
    expect((await runMillrace(["rebuild", "--only", "x"], { env })).code).toBe(2);
  }, 60_000);
});

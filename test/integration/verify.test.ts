import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  runMillrace,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

/** The flow of the tests, with another output. */
function otherVersion(): string {
  const file = join(newDataFolder("flows"), "counting.yaml");
  const text = readFileSync(join(flows, "counting.yaml"), "utf8");
  const changed = text.replace("context.events", "['x'] + context.events");
  expect(changed).not.toBe(text);
  writeFileSync(file, changed);
  return file;
}

async function eventsOf(millrace: MillraceProcess): Promise<readonly unknown[]> {
  const instance = await millrace.instance("counting", "d1");
  return (instance?.context["events"] ?? []) as readonly unknown[];
}

describe("`millrace flow verify`", () => {
  test("embedded: by the versions of then and by another one, beside the process and without it", async () => {
    const installation = embeddedInstallation(flows);
    const millrace = await installation.start();
    const device = new CountingDevice("d1");
    await device.connect(millrace.mqtt);
    for (const n of [1, 2, 3]) await device.tick(`${n}`);
    await until(async () => (await eventsOf(millrace)).length === 3);
    const env = { MILLRACE_LOG_URL: `file:${installation.dataFolder ?? ""}` };
    const same = await runMillrace(["flow", "verify", "--since", "1h"], { env });
    expect([same.code, same.stderr]).toEqual([0, ""]);
    expect(same.stdout).toMatch(/: [1-9]\d* steps and 0 rejections .*, 0 come out otherwise\n/);

    const args = ["flow", "verify", "--with", otherVersion()];
    const { code, stdout, stderr } = await runMillrace(args, { env });
    expect([code, stderr]).toEqual([1, "millrace: 1 comes out otherwise\n"]);
    expect(stdout).toMatch(/^default\/counting\/d1 .* step 1, device tick from d1, journal\/\d at/);
    const asJson = await runMillrace([...args, "--json"], { env });
    const lines = asJson.stdout.trim().split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
      ["difference"],
      ["summary"],
    ]);

    // The process has not noticed; and what it leaves behind is read without it, too.
    await device.tick("4");
    await until(async () => (await eventsOf(millrace)).length === 4);
    await device.close();
    expect(await millrace.stop()).toBe(0);
    const alone = await runMillrace(["flow", "verify"], { env });
    expect([alone.code, alone.stderr]).toEqual([0, ""]);
  }, 60_000);

  test("on Kafka, beside engines at work", async () => {
    const servers = { kafka: kafkaForTests(), redis: redisForTests() };
    const installation = clusterInstallation(flows, servers);
    const millrace = await installation.start();
    const device = new CountingDevice("d1");
    await device.connect(millrace.mqtt);
    for (const n of [1, 2, 3]) await device.tick(`${n}`);
    await until(async () => (await eventsOf(millrace)).length === 3, 30_000);
    const { env } = installation;
    const { code, stdout, stderr } = await runMillrace(["flow", "verify", "--json"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    const { summary } = JSON.parse(stdout) as { summary: { steps: number } };
    expect(summary).toMatchObject({ differ: 0, undecided: {} });
    expect(summary.steps).toBeGreaterThanOrEqual(3);
    await device.tick("4");
    await until(async () => (await eventsOf(millrace)).length === 4, 30_000);
    await device.close();
    await millrace.stop();
  }, 90_000);

  test("makes nothing where there is no log, and says what is no time", async () => {
    const folder = join(newDataFolder("data"), "none");
    const env = { MILLRACE_LOG_URL: `file:${folder}` };
    const none = await runMillrace(["flow", "verify"], { env });
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringContaining("START-004 the data folder cannot be used"),
    ]);
    const when = await runMillrace(["flow", "verify", "--since", "yesterday"], { env });
    expect([when.code, when.stderr]).toEqual([2, expect.stringContaining("yesterday is no time")]);
    const kafka = {
      ...clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }).env,
    };
    const missing = await runMillrace(["flow", "verify"], { env: kafka });
    expect([missing.code, missing.stderr]).toEqual([
      3,
      expect.stringMatching(/LOG-001 .*there is no topic/),
    ]);
  }, 60_000);
});

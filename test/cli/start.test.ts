import { createServer } from "node:net";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

async function refusal(args: readonly string[], env: Record<string, string> = {}) {
  const folder = newDataFolder("start");
  const ports = ["--mqtt-port", "0", "--http-port", "0"];
  return runMillrace(["start", ...ports, ...args], { env, folder });
}

test("a port in use is a clear error", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const port = String((server.address() as AddressInfo).port);
  for (const flag of ["--mqtt-port", "--http-port"]) {
    const { code, stderr } = await refusal([flag, port]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^millrace: START-001 .* 127.0.0.1:${port} already`));
    expect(stderr).toContain(flag === "--mqtt-port" ? "MILLRACE_MQTT_PORT" : "MILLRACE_HTTP_PORT");
  }
});

test("a setting that cannot be ends it with 2", async () => {
  const { code, stderr } = await refusal([], { MILLRACE_MQTT_PROT: "1" });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^millrace: CONFIG-001 .*MILLRACE_MQTT_PROT/);
});

test("a folder of flows that is not there is a clear error", async () => {
  const { code, stderr } = await refusal(["--flows", "/nowhere"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/FLOW-001 .*\/nowhere/);
});

test("a data folder serves one process, and another log is not mistaken for it", async () => {
  const folder = newDataFolder("start");
  const installation = embeddedInstallation(folder);
  const first = await installation.start();
  const second = installation.launch();
  await expect(second.ready()).rejects.toThrow(/START-003 .*process \d+ uses/);
  await first.stop();
  const third = installation.launch({ args: ["--partitions", "4"] });
  await expect(third.ready()).rejects.toThrow(/LOG-004 .*8 partitions.*asks for 4/);
});

test("a data folder serves one process, however long its path, and another once that is killed", async () => {
  const folder = join(newDataFolder("start"), "x".repeat(120));
  const flows = newDataFolder("flows");
  const env = { MILLRACE_LOG_URL: `file:${folder}` };
  const installation = embeddedInstallation(flows, env);
  const first = await installation.start();
  const elsewhere = embeddedInstallation(flows, { ...env, TMPDIR: newDataFolder("elsewhere") });
  await expect(elsewhere.launch().ready()).rejects.toThrow(/START-003/);
  await first.kill();
  const third = await installation.start();
  await third.stop();
  expect(readdirSync(folder).filter((name) => name.endsWith(".sock"))).toEqual([]);
});

test.each(["", "/below"])(
  "a data folder that cannot be one is a clear error: a file%s",
  async (below) => {
    const file = join(newDataFolder("start"), "file");
    writeFileSync(file, "");
    const { code, stderr } = await refusal(["--log-url", `file:${file}${below}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^millrace: START-004 .*(EEXIST|ENOTDIR)/);
  },
);

test("says that it is ready in one line, and stops in good order when it is told to", async () => {
  const folder = newDataFolder("start");
  const millrace = await embeddedInstallation(folder).start();
  expect(millrace.output).toMatch(
    /^millrace ready mqtt=mqtt:\/\/127\.0\.0\.1:\d+ http=http:\/\/127\.0\.0\.1:\d+$/m,
  );
  expect(await millrace.get("/readyz")).toMatchObject({ status: "ready" });
  expect(await millrace.stop()).toBe(0);
});

test("what it says to try next does something", async () => {
  const examples = fileURLToPath(new URL("../../examples", import.meta.url));
  const millrace = await embeddedInstallation(examples).start();
  const [, topic = "", payload = ""] = /mqtt pub .* -t (\S+) -m '(.*)'/.exec(millrace.output) ?? [];
  const [, flow = "", key = ""] = /instance history (\S+) (\S+)/.exec(millrace.output) ?? [];
  const client = await mqtt.connectAsync(millrace.mqtt);
  await client.publishAsync(topic, payload, { qos: 1 });
  await client.endAsync();
  await until(async () => (await millrace.instance(flow, key)) !== undefined);
  expect((await millrace.history(flow, key)).steps[0]?.effects).not.toEqual([]);
  await millrace.stop();
});

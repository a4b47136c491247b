import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import mqtt from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { embeddedInstallation, type MillraceProcess } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

interface Readyz {
  readonly status: number;
  readonly reasons: readonly string[];
}

async function readyz({ http }: MillraceProcess): Promise<Readyz> {
  const response = await fetch(`${http}/readyz`);
  const { reasons } = (await response.json()) as Pick<Readyz, "reasons">;
  return { status: response.status, reasons };
}

test("who is told to stop is not ready from then on, and serves on for its delay", async () => {
  const env = { MILLRACE_STOP_DELAY: "10m" };
  const millrace = await embeddedInstallation(newDataFolder("stop"), env).start();
  millrace.signal("SIGTERM");
  await until(async () => (await readyz(millrace)).status === 503);
  expect((await readyz(millrace)).reasons).toEqual(["it was told to stop"]);
  expect((await fetch(`${millrace.http}/healthz`)).status).toBe(200);
  const client = await mqtt.connectAsync(millrace.mqtt);
  await client.publishAsync("site/r1/motion", "{}", { qos: 1 });
  await client.endAsync();
  millrace.signal("SIGTERM"); // whoever says it twice means now
  await until(() => millrace.exitCode !== undefined);
  expect(millrace.exitCode).toBe(1);
});

test("says that it is not ready while it waits for clients to go", async () => {
  const millrace = await embeddedInstallation(newDataFolder("stop")).start();
  const { hostname, port } = new URL(millrace.mqtt);
  // It does not close its side when the server has closed its own.
  const client = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void client.destroy());
  client.on("error", () => {}).resume();
  await once(client, "connect");
  await until(async () => (await millrace.readiness()).mqtt["connections"] === 1);
  millrace.signal("SIGTERM");
  await until(async () => (await readyz(millrace)).status === 503);
  await until(() => millrace.exitCode !== undefined);
  expect(millrace.exitCode).toBe(0);
});

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { CountingDevice } from "../support/device.ts";
import type { TestInstallation } from "../support/millrace.ts";
import { until } from "../support/until.ts";

/** The timer of the counting flow, and a little more. */
const REST_MS = 400;

/**
 * `kill -9` of the whole process right after a PUBACK, again and again: every acknowledged event is
 * taken once and in order, and a timer that came due while nobody was there fires after the restart.
 */
export async function killNine(installation: TestInstallation, rounds: number): Promise<void> {
  const device = new CountingDevice("d1");
  for (let round = 1; round <= rounds; round++) {
    const process = await installation.start();
    await device.connect(process.mqtt);
    for (let i = 1; i <= 3; i++) await device.tick(`${round}-${i}`);
    await sleep(Math.random() * 30);
    await process.kill();
    await device.close();
    await sleep(REST_MS + 100);
  }
  const process = await installation.start();
  await device.connect(process.mqtt);
  const context = async () => (await process.instance("counting", "d1"))?.context;
  await until(async () => (await context())?.["rests"] === rounds).catch(() => {});
  expect(await context()).toEqual({ events: device.acknowledged, rests: rounds });
  // Delivered at least once: a command may come twice, but none may be missing.
  await until(() => device.acknowledged.every((id) => device.echoed.includes(id)), 20_000);
  await process.stop();
}

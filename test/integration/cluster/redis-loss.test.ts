import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../../support/device.ts";
import {
  clusterInstallation,
  type MillraceProcess,
  type TestInstallation,
} from "../../support/millrace.ts";
import { kafkaForTests } from "../../support/servers/find.ts";
import { type RedisServer, startRedis } from "../../support/servers/redis.ts";
import { until } from "../../support/until.ts";
import { comesToRest, expectNothingLostOrDoubled, goesOn, machinesOf } from "./checker.ts";
import { RovingDevice } from "./roving-device.ts";

/** Attacks: I4 of position.ts; S1 of committer.ts; E1 and E2 of session-entries.ts. */

const flows = fileURLToPath(new URL("../flows/counting", import.meta.url));

interface Opened {
  readonly redis: RedisServer;
  readonly installation: TestInstallation;
  readonly millrace: MillraceProcess;
  readonly devices: readonly RovingDevice[];
}

/** Eight devices that work, on a Redis of their own, to be harmed. */
async function open(): Promise<Opened> {
  const redis = await startRedis();
  const installation = clusterInstallation(flows, { kafka: kafkaForTests(), redis: redis.url });
  const millrace = await installation.start();
  const devices = Array.from({ length: 8 }, (_, n) => new RovingDevice(`d${n + 1}`));
  for (const device of devices) device.start(() => [millrace.mqtt]);
  return { redis, installation, millrace, devices };
}

describe("a Redis that loses its data", () => {
  test("while the engine works: a pause, and nothing is lost or doubled", async () => {
    const { redis, installation, millrace, devices } = await open();
    for (let round = 0; round < 3; round++) {
      await goesOn(devices);
      await redis.cli("FLUSHALL");
    }
    await goesOn(devices);
    const machines = await comesToRest(devices, millrace);
    await millrace.stop();
    await expectNothingLostOrDoubled(devices, machines, installation);
    await redis.stop();
  }, 120_000);

  test("while the engine is idle: the state is back without an event", async () => {
    const { redis, millrace, devices } = await open();
    await goesOn(devices);
    const machines = await comesToRest(devices, millrace);
    await redis.cli("FLUSHALL");
    await until(async () =>
      (await machinesOf(devices, millrace)).every((one) => one !== undefined),
    );
    expect(await machinesOf(devices, millrace)).toEqual(machines);
    await millrace.stop();
    await redis.stop();
  }, 120_000);

  test("before a restart: the state is the same again, from the journal", async () => {
    const { redis, installation, millrace, devices } = await open();
    await goesOn(devices);
    const machines = await comesToRest(devices, millrace);
    await millrace.stop();
    await redis.cli("FLUSHALL");
    const second = await installation.start();
    expect(await machinesOf(devices, second)).toEqual(machines);
    await second.stop();
    await redis.stop();
  }, 120_000);
});

describe("a Redis that loses its data under two gateways", () => {
  test("hears again who is connected: a client that connects elsewhere is let go", async () => {
    const redis = await startRedis();
    const installation = clusterInstallation(flows, { kafka: kafkaForTests(), redis: redis.url });
    const a = await installation.start({ role: "gateway" });
    const b = await installation.start({ role: "gateway" });
    // Of two clients, one connects elsewhere before its gateway knows of the loss, one after.
    const before = new CountingDevice("before");
    const after = new CountingDevice("after");
    await before.connect(a.mqtt);
    await after.connect(a.mqtt);
    await redis.cli("FLUSHALL");

    const beforeElsewhere = new CountingDevice("before");
    await beforeElsewhere.connect(b.mqtt);
    await until(() => !before.connected);
    await until(async () => (await redis.cli("KEYS", "*:session:*/after")) !== "");
    const afterElsewhere = new CountingDevice("after");
    await afterElsewhere.connect(b.mqtt);
    await until(() => !after.connected);

    expect([beforeElsewhere.connected, afterElsewhere.connected]).toEqual([true, true]);
    await a.stop();
    await b.stop();
    await redis.stop();
  }, 120_000);
});

describe("a Redis set back to an older dump", () => {
  test("under a working engine: noticed and repaired", async () => {
    const { redis, installation, millrace, devices } = await open();
    await goesOn(devices);
    await redis.cli("SAVE");
    await goesOn(devices);
    await redis.kill();
    await redis.restart();
    await goesOn(devices);
    const machines = await comesToRest(devices, millrace);
    await millrace.stop();
    await expectNothingLostOrDoubled(devices, machines, installation);
    await redis.stop();
  }, 120_000);

  test("under an idle engine: noticed and repaired without an event", async () => {
    const { redis, millrace, devices } = await open();
    await goesOn(devices);
    await redis.cli("SAVE");
    await goesOn(devices);
    const machines = await comesToRest(devices, millrace);
    await redis.kill();
    await redis.restart();
    await until(async () => {
      const now = await machinesOf(devices, millrace).catch(() => []);
      return JSON.stringify(now) === JSON.stringify(machines);
    });
    await millrace.stop();
    await redis.stop();
  }, 120_000);
});

import { readFileSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { HttpHost } from "../support/http-host.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  type TestInstallation,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/** The product as it is started by a user, before a real HTTP server. */

const flows = fileURLToPath(new URL("flows/calling", import.meta.url));
const secret = "s3cret-of-the-faces";

type Env = Readonly<Record<string, string>>;

const forms: readonly [string, (env: Env) => TestInstallation][] = [
  ["embedded", (env) => embeddedInstallation(flows, env)],
  [
    "on Kafka and Redis",
    (env) => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }, env),
  ],
];

/** A server of faces that leaves unanswered what `silent` says, and an installation that may call it. */
async function open(install: (env: Env) => TestInstallation) {
  const waiting: ServerResponse[] = [];
  const seen = { silent: (_path: string): boolean => false };
  const faces = await HttpHost.open(({ path, body }, response) => {
    if (seen.silent(path)) {
      waiting.push(response);
      return;
    }
    const { who } = JSON.parse(body) as { who: string };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ name: who.toUpperCase() }));
  });
  const folder = newDataFolder("secrets");
  writeFileSync(join(folder, "faces"), `${secret}\n`);
  const host = `localhost:${faces.port}`;
  const installation = install({ MILLRACE_CALL_HOSTS: host, MILLRACE_SECRETS: folder });
  const device = new CountingDevice("d1");
  return {
    ...{ faces, seen, host, installation },
    start: async (): Promise<MillraceProcess> => {
      const process = await installation.start();
      await device.connect(process.mqtt);
      return process;
    },
    ring: (bell: string, who: string, at = host) =>
      device.publish(`bell/${bell}/ring`, JSON.stringify({ who, host: at })),
  };
}

async function comesTo(process: MillraceProcess, bell: string, state: string) {
  const found = async () => await process.instance("calling", bell);
  await until(async () => (await found())?.state === state, 20_000).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}\n${JSON.stringify(await found())}\n${process.output}`);
    },
  );
  return (await found())?.context ?? {};
}

describe.each(forms)("a flow that calls an HTTP server, %s", (_, install) => {
  test("moves on when it is answered, when it is not, and when it may not call", async () => {
    const { start, ring, faces, seen, installation } = await open(install);
    const process = await start();
    await ring("b1", "ann");
    expect(await comesTo(process, "b1", "known")).toEqual({ rings: 1, name: "ANN" });
    expect(faces.arrived).toMatchObject([
      { method: "POST", path: "/faces/ann", body: '{"who":"ann"}' },
    ]);
    expect(faces.arrived[0]?.headers).toMatchObject({
      authorization: `Bearer ${secret}`,
      "idempotency-key": expect.stringMatching(/^default\/calling\/b1\/\d+\/1\/0$/) as unknown,
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/) as unknown,
    });

    seen.silent = (path) => path.endsWith("/nobody");
    await ring("b2", "nobody");
    const message = `localhost:${faces.port} did not answer within 2000 ms`;
    expect((await comesTo(process, "b2", "unknown"))["error"]).toEqual({
      reason: "timeout",
      message,
      attempts: 1,
    });

    await ring("b3", "ann", `127.0.0.1:${faces.port}`);
    expect((await comesTo(process, "b3", "unknown"))["error"]).toMatchObject({
      reason: "not-allowed",
      attempts: 0,
    });
    const history = await process.history("calling", "b2");
    expect(history.steps.map(({ cause }) => cause.type)).toEqual(
      expect.arrayContaining(["ring", "parked", "xstate.error.actor.who"]),
    );
    const { dispatcher } = await process.readiness();
    expect(dispatcher).toMatchObject({ callsDone: 1, callsFailed: 2, callsUnderWay: 0 });

    expect(JSON.stringify(history)).not.toContain(secret);
    await process.stop();
    expect(process.output).toContain("a call failed");
    expect(process.output).not.toContain(secret);
    for (const data of dataOf(installation)) {
      expect([data.includes("secret"), data.includes(secret)]).toEqual([true, false]);
    }
  });

  test("that is killed while it waits asks again under the same key, and takes one answer", async () => {
    const { start, ring, faces, seen } = await open(install);
    seen.silent = () => true;
    const first = await start();
    await ring("b1", "ann");
    await until(() => faces.arrived.length === 1, 10_000);
    await first.kill();
    seen.silent = () => false;
    const second = await start();
    expect(await comesTo(second, "b1", "known")).toEqual({ rings: 1, name: "ANN" });
    await ring("b1", "bob");
    await until(async () => (await second.instance("calling", "b1"))?.context["name"] === "BOB");
    const keys = faces.arrived.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
    const { steps } = await second.history("calling", "b1");
    const heard = steps.filter(({ cause }) => cause.type === "xstate.done.actor.who");
    expect(heard).toHaveLength(2);
    expect(await second.stop()).toBe(0);
  });

  test("that is stopped while it waits does not wait for the answer", async () => {
    const { start, ring, faces, seen } = await open(install);
    seen.silent = () => true;
    const first = await start();
    await ring("b1", "ann");
    await until(() => faces.arrived.length === 1, 10_000);
    expect(await first.stop()).toBe(0);
    seen.silent = () => false;
    const second = await start();
    await comesTo(second, "b1", "known");
    expect(faces.arrived).toHaveLength(2);
    await second.stop();
  });
});

/** All that an embedded one keeps; elsewhere servers have it, and the dispatcher's own tests look there. */
function dataOf({ dataFolder }: TestInstallation): Buffer[] {
  return dataFolder === undefined ? [] : [readFileSync(join(dataFolder, "data.mdb"))];
}

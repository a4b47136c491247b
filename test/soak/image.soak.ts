import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { type Container, ScratchImage } from "../image/scratch-image.ts";
import { MillraceProcess } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { freePort } from "../support/servers/ports.ts";
import { until } from "../support/until.ts";

/** deploy/images/Dockerfile, step by step, and what comes of it with the settings of deploy/compose. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const examples = fileURLToPath(new URL("../../examples", import.meta.url));
const TOKEN = "0123456789abcdef";

let image: ScratchImage;

beforeAll(async () => {
  if (!ScratchImage.isPossible)
    throw new Error("this soak mounts file systems: run it as root on Linux");
  image = await ScratchImage.build(`${root}deploy/images/Dockerfile`, root, (step) =>
    console.log(step),
  );
  console.log(`the image has ${Math.round(image.bytes / 1e6)} MB beside its base`);
  return () => image.close();
}, 600_000);

async function start(container: Container): Promise<MillraceProcess> {
  const child = await image.run(container);
  onTestFinished(() => void child.kill("SIGKILL"));
  return new MillraceProcess(child);
}

/** What the kernel says of a process: who it is, and what it may do. */
function privilegesOf({ pid }: MillraceProcess): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:?\s+/, 2) as [string, string]));
}

/** A lamp and a sensor, which give the token as their password. @returns the first command of the lamp */
async function motion(url: string): Promise<string> {
  const client = await mqtt.connectAsync(url, {
    username: "porch",
    password: TOKEN,
    clientId: "porch",
  });
  onTestFinished(() => void client.end(true));
  await client.subscribeAsync("site/porch/light/set", { qos: 1 });
  const commanded = new Promise<string>((resolve) =>
    client.once("message", (_topic, payload) => resolve(payload.toString())),
  );
  await client.publishAsync("site/porch/motion", `{"lux": 12}`, { qos: 1 });
  return await commanded;
}

describe("the image", () => {
  test("has the product and nothing that builds or tests it", () => {
    expect(image.has("/app/packages/cli/bin/millrace.mjs")).toBe(true);
    expect(image.has("/app/packages/cli/dist")).toBe(true);
    for (const path of [
      "packages/cli/src",
      "node_modules/vitest",
      "node_modules/typescript",
      "test",
    ])
      expect([path, image.has(`/app/${path}`)]).toEqual([path, false]);
  });

  test("says how it is used", async () => {
    const help = await start({ command: ["--help"] });
    await until(() => help.exitCode !== undefined);
    expect([help.exitCode, help.output]).toEqual([0, expect.stringContaining("Usage: millrace")]);
  });

  test("is one process that needs no server, and writes to /data alone", async () => {
    const [http, port] = [await freePort(), await freePort()];
    const env = {
      MILLRACE_TOKEN: TOKEN,
      MILLRACE_FLOWS: "/flows",
      MILLRACE_HTTP_PORT: String(http),
      MILLRACE_MQTT_PORT: String(port),
    };
    const one = await start({ env, mounts: { "/flows": examples } });
    await one.ready();
    expect(await image.health(env)).toBe(0);
    expect(await image.health({ ...env, MILLRACE_HTTP_PORT: "1" })).toBe(1);
    expect(await motion(one.mqtt)).toBe(`{"level":100}`);
    const { Uid, Gid, CapEff, CapBnd, NoNewPrivs } = privilegesOf(one);
    expect({ Uid, Gid, CapEff, CapBnd, NoNewPrivs }).toEqual({
      Uid: "1000",
      Gid: "1000",
      CapEff: "0000000000000000",
      CapBnd: "0000000000000000",
      NoNewPrivs: "1",
    });
    expect(await one.stop()).toBe(0);
  });

  test("is the three roles of compose.yaml on a Kafka and a Redis", async () => {
    const compose = parse(readFileSync(`${root}deploy/compose/compose.yaml`, "utf8"), {
      merge: true,
    }) as { services: Record<string, { command: string[]; environment: Record<string, string> }> };
    const peer = await freePort();
    const given: Record<string, string> = {
      MILLRACE_LOG_URL: kafkaForTests(),
      MILLRACE_STATE_URL: redisForTests(),
      MILLRACE_TOKEN: TOKEN,
      MILLRACE_TOPIC_PREFIX: `image-${process.pid}-${Date.now()}.`,
      // Containers have addresses of their own; here all are on this machine's.
      MILLRACE_HOST: "127.0.0.1",
      MILLRACE_PEER_URL: `ws://127.0.0.1:${peer}`,
    };
    const roles = new Map<string, MillraceProcess>();
    for (const role of ["gateway", "engine", "dispatcher"]) {
      const { command, environment } = compose.services[role] ?? { command: [], environment: {} };
      const said = Object.keys(environment).filter((name) => name in given);
      expect(said).toContain("MILLRACE_LOG_URL");
      const env = {
        ...environment,
        ...Object.fromEntries(said.map((name) => [name, given[name] ?? ""])),
        MILLRACE_TOPIC_PREFIX: given["MILLRACE_TOPIC_PREFIX"] ?? "",
        MILLRACE_HTTP_PORT: String(await freePort()),
        ...(role === "gateway" && { MILLRACE_MQTT_PORT: String(await freePort()) }),
      };
      roles.set(role, await start({ command, env, mounts: { "/flows": examples } }));
    }
    for (const one of roles.values()) await one.ready();
    expect(await motion(roles.get("gateway")?.mqtt ?? "")).toBe(`{"level":100}`);
    for (const one of [...roles.values()].toReversed()) expect(await one.stop()).toBe(0);
  });
});

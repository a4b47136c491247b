import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  runMillrace,
  type TestInstallation,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/** A sensor that six deployments share, from the file to their lamps; bound anew, and taken away. */

const example = fileURLToPath(new URL("../../examples/motion-light-pair.yaml", import.meta.url));

const names = ["a", "b", "c", "d", "e", "f"];

function deployments(lamps: Readonly<Record<string, string>>): string {
  return Object.entries(lamps)
    .map(
      ([name, lamp]) =>
        `deployment: ${name}\nflow: motion-light-pair\nthings: { sensor: s1, light: ${lamp} }\n`,
    )
    .join("---\n");
}

const forms: readonly [form: string, open: (flows: string) => TestInstallation][] = [
  ["embedded", (flows) => embeddedInstallation(flows)],
  [
    "on Kafka and Redis",
    (flows) => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }),
  ],
];

/** All lamps at once: what each of them was told. */
async function lampsOf(millrace: MillraceProcess) {
  const told = new Map<string, { level: number }[]>();
  const client = await mqtt.connectAsync(millrace.mqtt, { clientId: "lamps" });
  onTestFinished(() => client.endAsync(true));
  client.on("message", (topic, payload) => {
    const lamp = topic.split("/")[1] ?? "";
    told.set(lamp, [...(told.get(lamp) ?? []), JSON.parse(String(payload)) as { level: number }]);
  });
  await client.subscribeAsync("lamp/+/set", { qos: 1 });
  return told;
}

describe.each(forms)("deployments, %s", (_form, open) => {
  test("take their sensor's events to their lamps, wherever their instances live", async () => {
    const flows = newDataFolder("flows");
    const file = join(flows, "rooms.yaml");
    await copyFile(example, join(flows, "pair.yaml"));
    await writeFile(
      file,
      deployments(Object.fromEntries(names.map((name) => [name, `l-${name}`]))),
    );
    const millrace = await open(flows).start();
    const told = await lampsOf(millrace);
    const sensor = await mqtt.connectAsync(millrace.mqtt, { clientId: "s1" });
    onTestFinished(() => sensor.endAsync(true));
    const say = (what: string, payload: object) =>
      sensor.publishAsync(`sensor/s1/${what}`, JSON.stringify(payload), { qos: 1 });

    await say("motion", { lux: 5 });
    await until(() => names.every((name) => told.has(`l-${name}`)));
    for (const name of names)
      expect(told.get(`l-${name}`)?.[0]).toEqual({ level: 100, seen: "s1" });

    // Looked up by whichever thing, and paged.
    const keysOf = async (query: string) =>
      (await millrace.get<{ items: { key: string }[] }>(`/v1/instances?${query}`)).items.map(
        ({ key }) => key,
      );
    await until(async () => (await keysOf("thing=s1")).length === names.length);
    expect(await keysOf("thing=l-c")).toEqual(["c"]);
    const page = await millrace.get<{ items: { name: string }[]; next: string }>(
      "/v1/deployments?flow=motion-light-pair&thing=s1&limit=4",
    );
    expect([page.items.map(({ name }) => name), page.next]).toEqual([["a", "b", "c", "d"], "d"]);
    const last = await millrace.get<{ items: { name: string }[] }>(
      `/v1/deployments?thing=s1&limit=4&cursor=${page.next}`,
    );
    expect(last).toMatchObject({ items: [{ name: "e" }, { name: "f" }] });
    expect(last).not.toHaveProperty("next");
    const none = await fetch(`${millrace.http}/v1/deployments/attic`);
    expect([none.status, await none.json()]).toMatchObject([404, { code: "API-001" }]);

    // One of them gets another lamp, one goes, and one is written wrongly.
    await writeFile(
      file,
      `${deployments({ a: "l-new", c: "l-c", d: "l-d", e: "l-e" })}---\ndeployment: f\nflow: motion-light-pair\nthings: { senser: s1 }\n`,
    );
    const things = async (name: string) =>
      (await millrace.get<{ things: Record<string, string> }>(`/v1/deployments/${name}`)).things;
    await until(async () => (await things("a"))["light"] === "l-new");
    await until(() => millrace.output.includes("[unknown-role]"));
    // While something there has a fault, nobody knows what it was: nothing is taken away.
    expect(await things("b")).toEqual({ sensor: "s1", light: "l-b" });
    await writeFile(file, deployments({ a: "l-new", c: "l-c", d: "l-d", e: "l-e", f: "l-f" }));
    await until(async () => !(await fetch(`${millrace.http}/v1/deployments/b`)).ok);

    await say("clear", {});
    await until(() => told.has("l-new") && told.get("l-f")?.length === 2);
    expect(told.get("l-new")).toEqual([{ level: 20 }]);
    await until(async () => {
      const instance = await millrace.instance("motion-light-pair", "a");
      return instance?.things?.["light"] === "l-new";
    });
    expect(told.get("l-a")).toHaveLength(1);
    const left = await millrace.instance("motion-light-pair", "b");
    expect([left?.state, left?.seq]).toEqual(["lit", 1]);

    await rm(file);
    await until(
      async () => (await millrace.get<{ items: [] }>("/v1/deployments")).items.length === 0,
    );
    expect(await millrace.stop()).toBe(0);
  });
});

describe("the commands about deployments", () => {
  test("check, list and show them, for people and for programs", async () => {
    const flows = newDataFolder("flows");
    const file = join(flows, "rooms.yaml");
    await copyFile(example, join(flows, "pair.yaml"));
    await writeFile(file, deployments({ a: "l1", b: "l2" }));
    // The flow stands beside it, and is found.
    expect(await runMillrace(["flow", "check", file])).toEqual({
      code: 0,
      stdout: ["a", "b"]
        .map((name) => `${file}: ${name}, a deployment of motion-light-pair, is good\n`)
        .join(""),
      stderr: "",
    });
    const alone = join(newDataFolder("flows"), "alone.yaml");
    await writeFile(alone, deployments({ a: "l1", A: "l1" }).replace("things:", "thigns:"));
    const { code, stdout } = await runMillrace(["flow", "check", alone, "--json"]);
    const faults = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(code).toBe(1);
    expect(faults).toMatchObject([
      { file: alone, line: 1, path: "", code: "missing-member", severity: "error" },
      { file: alone, line: 3, path: "thigns", code: "unknown-member", severity: "error" },
      { file: alone, line: 6, path: "flow", code: "unknown-flow", severity: "warning" },
    ]);

    const millrace = await embeddedInstallation(flows).start();
    const env = { MILLRACE_URL: millrace.http };
    const ask = async (...args: string[]) => {
      const answer = await runMillrace(["deployment", ...args], { env });
      expect([answer.code, answer.stderr]).toEqual([0, ""]);
      return answer.stdout;
    };
    expect(await ask("list")).toMatch(/\na +motion-light-pair +sensor s1, light l1 +\//);
    expect(await ask("list", "--limit", "1")).toContain("… more; --limit 2 shows them");
    expect(JSON.parse(await ask("list", "--thing", "l2", "--json"))).toMatchObject([
      { name: "b", things: { sensor: "s1", light: "l2" } },
    ]);
    expect(await ask("list", "--flow", "other")).toContain("no deployments");
    expect(await ask("show", "a")).toContain("things     sensor s1, light l1");
    expect(JSON.parse(await ask("show", "a", "--json"))).toMatchObject({
      namespace: "default",
      name: "a",
      flow: "motion-light-pair",
    });
    const absent = await runMillrace(["deployment", "show", "attic"], { env });
    expect([absent.code, absent.stderr]).toEqual([
      1,
      "millrace: API-001 there is no deployment attic in namespace default\n",
    ]);
    expect(await millrace.stop()).toBe(0);
  });
});

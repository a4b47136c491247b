import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import mqtt from "mqtt";
import { describe, expect, test } from "vitest";
import { embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

const bin = fileURLToPath(new URL("../../packages/cli/bin/millrace.mjs", import.meta.url));
const examples = fileURLToPath(new URL("../../examples", import.meta.url));

describe("millrace flow check", () => {
  test("says that a file is good", async () => {
    const file = join(examples, "motion-light.yaml");
    const { code, stdout, stderr } = await runMillrace(["flow", "check", file]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/motion-light is good, version [0-9a-f]{24}\n$/);
  });

  test("names every fault, with its line and what to do, and ends with 1", async () => {
    const folder = newDataFolder("flows");
    const file = join(folder, "bad.yaml");
    await writeFile(
      file,
      [
        "flow: bad",
        "inputs:",
        "  tick: { topic: a/#/b }",
        "machine:",
        "  initial: nowhere",
        "  states:",
        "    here:",
        "      on: { tick: { target: there, guard: event.x < } }",
      ].join("\n"),
    );
    const { code, stdout, stderr } = await runMillrace(["flow", "check", file]);
    expect(code).toBe(1);
    for (const line of [3, 5, 8]) expect(stdout).toContain(`${file}:${line}:`);
    expect(stderr).toMatch(/^millrace: \d faults in /);
    const asJson = await runMillrace(["flow", "check", "--json", file]);
    const faults = asJson.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(faults.every((fault) => "line" in fault && "path" in fault && "code" in fault)).toBe(
      true,
    );
  });

  test("says which file it cannot read, which flow is there twice, and checks the others", async () => {
    const good = fileURLToPath(new URL("../../examples/motion-light.yaml", import.meta.url));
    const files = ["/nowhere/flow.yaml", good, good];
    const { code, stdout, stderr } = await runMillrace(["flow", "check", ...files]);
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^FLOW-001 .*\/nowhere\/flow\.yaml/);
    expect(lines[1]).toContain("motion-light is good");
    expect(lines[2]).toContain(`the flow motion-light is in ${good}, too`);
    expect(stderr).toMatch(/^millrace: 2 faults in /);
  });
});

describe("a command whose output is cut off", () => {
  test("does not mind", async () => {
    const args = ["-c", '"$0" "$1" flow schema | head -n 1', process.execPath, bin];
    const { stdout, stderr } = await promisify(execFile)("bash", args);
    expect([stdout, stderr]).toEqual(["{\n", ""]);
  });
});

describe("commands that ask a server", () => {
  test("list, show, talk to and explain instances, for people and for programs", async () => {
    const millrace = await embeddedInstallation(examples).start();
    const env = { MILLRACE_URL: millrace.http };
    const ask = async (...args: string[]) => {
      const { code, stdout, stderr } = await runMillrace(args, { env });
      expect([code, stderr]).toEqual([0, ""]);
      return stdout;
    };
    expect(await ask("instance", "list")).toContain("no instances");
    const client = await mqtt.connectAsync(millrace.mqtt, { clientId: "hall" });
    await client.subscribeAsync("site/hall/light/set", { qos: 1 });
    await client.publishAsync("site/hall/motion", '{"lux":12}', { qos: 1 });
    await client.publishAsync("site/hall/motion", "{broken", { qos: 1 });
    await until(async () => (await millrace.instance("motion-light", "hall"))?.state === "lit");

    expect(await ask("flow", "list")).toMatch(/motion-light +[0-9a-f]{12} +current/);
    expect(await ask("instance", "list", "--flow", "motion-light", "--state", "lit")).toMatch(
      /motion-light +hall +running +lit +1 /,
    );
    expect(await ask("instance", "show", "motion-light", "hall")).toContain(
      "motion-light/hall  running, in lit",
    );
    expect(
      JSON.parse(await ask("instance", "show", "motion-light", "hall", "--json")),
    ).toMatchObject({ state: "lit", context: { hits: 1 } });
    await ask("instance", "signal", "motion-light", "hall", "clear");
    await until(async () => (await millrace.instance("motion-light", "hall"))?.seq === 2);
    const history = await ask("instance", "history", "motion-light", "hall");
    expect(history).toMatch(/2 .* signal clear: lit → dimming\n.*command light \{"level":20\}/);
    expect(history).toMatch(
      /1 .* device motion from hall: · → lit\n {9}site\/hall\/motion \{"lux":12\}/,
    );
    const asJson = await ask("instance", "history", "motion-light", "hall", "--json");
    expect(JSON.parse(asJson)).toMatchObject([{ payload: {} }, { payload: { lux: 12 } }]);
    expect(await ask("rejected", "list")).toMatch(/motion-light +.*bad-payload/);
    expect(JSON.parse(await ask("rejected", "list", "--json"))).toHaveLength(1);
    await client.endAsync();
    await millrace.stop();
  });

  test("show all that became of a command below it, oldest first", async () => {
    const folder = newDataFolder("flows");
    await writeFile(
      join(folder, "lamp.yaml"),
      [
        "flow: lamp",
        'inputs: { motion: { topic: lamp/+/motion, thing: "${topic[1]}" } }',
        'commands: { light: { topic: "lamp/${thing.name}/set" } }',
        "machine:",
        "  initial: lit",
        "  states: { lit: { entry: { command: light, payload: 1 }, on: { delivered.light: off } }, off: {} }",
      ].join("\n"),
    );
    const millrace = await embeddedInstallation(folder).start();
    const client = await mqtt.connectAsync(millrace.mqtt);
    await client.publishAsync("lamp/hall/motion", "7", { qos: 1 });
    await until(async () => (await millrace.instance("lamp", "hall"))?.seq === 2); // put aside
    await client.subscribeAsync("lamp/hall/set", { qos: 1 });
    await until(async () => (await millrace.instance("lamp", "hall"))?.state === "off");
    await client.endAsync();
    const env = { MILLRACE_URL: millrace.http };
    const { stdout } = await runMillrace(["instance", "history", "lamp", "hall"], { env });
    expect(stdout.split("\n").map((line) => line.trim())).toEqual([
      expect.stringMatching(/^3 .* result delivered\.light: lit → off$/),
      expect.stringMatching(/^trace /),
      expect.stringMatching(/^2 .* result parked: lit → lit$/),
      expect.stringMatching(/^trace /),
      expect.stringMatching(/^1 .* device motion from hall: · → lit$/),
      "lamp/hall/motion 7",
      "└ command light 1",
      "└ parked: step 2",
      "└ delivered.light: step 3",
      expect.stringMatching(/^trace /),
      "",
    ]);
    await millrace.stop();
  });

  test("say that an instance is not there, and end with 1", async () => {
    const millrace = await embeddedInstallation(examples).start();
    const args = ["instance", "show", "motion-light", "attic"];
    const { code, stderr } = await runMillrace(args, { env: { MILLRACE_URL: millrace.http } });
    expect([code, stderr]).toEqual([
      1,
      "millrace: API-001 there is no instance motion-light/attic in namespace default\n",
    ]);
    await millrace.stop();
  });

  test("say where they looked when nobody answers, and end with 3", async () => {
    const env = { MILLRACE_URL: "http://127.0.0.1:9" };
    const { code, stderr } = await runMillrace(["instance", "list"], { env });
    expect(code).toBe(3);
    expect(stderr).toMatch(/no answer from http:\/\/127\.0\.0\.1:9: .*MILLRACE_URL/);
  });

  test("explain a wrong option, and end with 2", async () => {
    const { code, stderr } = await runMillrace(["instance", "list", "--limt", "3"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean --limit?");
  });
});

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { beforeAll, describe, expect, test } from "vitest";
import { embeddedInstallation, runMillrace, sharedProcess } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { inTerminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";
import { root } from "../tidy/source-files.ts";

/** Long work shows how far it is, to who looks on; and what is long is asked for in pages. */

const bin = fileURLToPath(new URL("../../packages/cli/bin/millrace.mjs", import.meta.url));
const flow = readFileSync(join(root, "examples/motion-light.yaml"), "utf8");
const INSTANCES = 501;
/** What is asked for at a time. */
const PAGE = 500;

describe("a command that takes long", () => {
  const folder = newDataFolder("flows");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "motion-light.yaml"), flow);
  const installation = embeddedInstallation(folder);
  const millrace = sharedProcess(() => installation);
  let traceId = "";

  beforeAll(async () => {
    const client = await mqtt.connectAsync(millrace().mqtt);
    const things = Array.from({ length: INSTANCES }, (_, i) => `room-${i}`);
    for (const lux of ["12", '"dim"'])
      await Promise.all(
        things.map((thing) =>
          client.publishAsync(`site/${thing}/motion`, `{"lux":${lux}}`, { qos: 1 }),
        ),
      );
    await client.endAsync();
    await until(async () => (await millrace().readiness()).engine.rejected === INSTANCES);
    const { steps } = await millrace().history("motion-light", "room-0");
    traceId = steps[0]?.traceId ?? "";
  });

  async function seen(command: string): Promise<string> {
    const env = {
      ...process.env,
      MILLRACE_URL: millrace().http,
      MILLRACE_LOG_URL: `file:${installation.dataFolder ?? ""}`,
    };
    const line = `${process.execPath} ${bin} ${command}`;
    const terminal = inTerminal(line, { env, folder });
    expect(await terminal.ended, terminal.output()).toBe(0);
    return terminal.output();
  }

  test("draws a bar, and takes it away: many at once", async () => {
    const output = await seen("instance pause motion-light --max 1000 --yes");
    expect(output).toContain(`\r${"█".repeat(30)} ${PAGE} of ${INSTANCES} instances\x1b[K`);
    expect(output.trimEnd().split("\r\x1b[K").at(-1)).toBe(`paused ${INSTANCES} instances`);
    const paused = async (): Promise<number> =>
      (await millrace().get<{ items: unknown[] }>("/v1/instances?status=paused")).items.length;
    await until(async () => (await paused()) > 0);
    await seen("instance resume motion-light --max 1000 --yes");
    await until(async () => (await paused()) === 0);
  });

  test("draws a bar, and takes it away: a migration", async () => {
    writeFileSync(join(folder, "motion-light.yaml"), flow.replace("< 40", "< 10"));
    await until(async () => {
      const { versions } = await millrace().get<{ versions: unknown[] }>("/v1/flows/motion-light");
      return versions.length === 2;
    });
    const output = await seen("flow migrate motion-light --max 1000 --yes");
    expect(output).toContain(`\r${"█".repeat(30)} ${PAGE} of ${INSTANCES} instances\x1b[K`);
    expect(output.trimEnd().split("\r\x1b[K").at(-1)).toBe(`migrated ${INSTANCES} instances`);
  });

  test("draws a bar, and takes it away: a trace", async () => {
    const output = await seen(`trace ${traceId}`);
    expect(output).toMatch(/\r[█░]{30} \d+ records searched, \d+ found/);
    expect(output.split("\r\x1b[K").at(-1)).toMatch(/^trace [0-9a-f]{32}: /);
  });

  test("draws a bar, and takes it away: a verification", async () => {
    const output = await seen("flow verify --key room-0");
    expect(output).toMatch(/\r[█░]{30} [01]\/1 partitions/);
    expect(output.split("\r\x1b[K").at(-1)).toMatch(/^decided \d+ inputs .*, 0 come out otherwise/);
  });

  test("draws none where nobody looks on", async () => {
    const env = { MILLRACE_URL: millrace().http };
    const { stderr } = await runMillrace(["trace", traceId], { env });
    expect(stderr).toBe("");
  });

  test("lists rejected inputs page by page, and those before a time", async () => {
    const env = { MILLRACE_URL: millrace().http };
    const rejected = async (...args: string[]) => {
      const { code, stdout, stderr } = await runMillrace(["rejected", "list", ...args], { env });
      expect([code, stderr]).toEqual([0, ""]);
      return stdout;
    };
    const all = JSON.parse(await rejected("--limit", "1000", "--json")) as { id: string }[];
    expect(new Set(all.map(({ id }) => id)).size).toBe(INSTANCES);
    const some = (await rejected("--limit", "2")).trimEnd().split("\n");
    expect([some.length, some.at(-1)]).toEqual([4, "… more; --limit 4 shows them"]);
    expect(await rejected("--until", "1h")).toBe("nothing was rejected\n");
    const wrong = await runMillrace(["rejected", "list", "--until", "noon"], { env });
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      "millrace: --until noon is no duration, as 30s, 5m or 2h\n",
    ]);
  });

  // The last one: nobody else may hold the folder meanwhile.
  test("draws a bar, and takes it away: a rebuild", async () => {
    await millrace().stop();
    const output = await seen("rebuild");
    expect(output).toMatch(/\r[█░]{30} [0-8]\/8 partitions, \d+ records, \d+\/s/);
    expect(output.split("\r\x1b[K").at(-1)).toMatch(/^rebuilt 8 partitions from \d+ records/);
  });
});

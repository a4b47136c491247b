import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { embeddedInstallation, type MillraceProcess, runMillrace } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/** Flows by the API: published, shown, compared, retired; and beside a folder. */

const counting = (more = "") => `flow: counting
inputs: { tick: { topic: count/+/tick, thing: "\${topic[1]}" } }
machine:
  context: { events: 0 }
  initial: busy
  states:
    busy: { on: { tick: { actions: { assign: { events: "context.events + 1" } } }${more} } }
`;

class Publisher {
  readonly #millrace: MillraceProcess;
  readonly #folder = newDataFolder("published");

  constructor(millrace: MillraceProcess) {
    this.#millrace = millrace;
  }

  async run(...words: readonly string[]) {
    return await runMillrace(words, { env: { MILLRACE_URL: this.#millrace.http } });
  }

  async does(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    expect([code, stderr], words.join(" ")).toEqual([0, ""]);
    return stdout.trim();
  }

  async file(name: string, text: string): Promise<string> {
    const file = join(this.#folder, name);
    await writeFile(file, text);
    return file;
  }
}

async function tick(millrace: MillraceProcess, name: string): Promise<void> {
  const device = new CountingDevice(name);
  await device.connect(millrace.mqtt);
  await device.tick("1");
  await device.close();
}

describe("flows by the API", () => {
  test("are in force when they are published; one with a fault replaces nothing", async () => {
    const millrace = await embeddedInstallation("").start();
    const publisher = new Publisher(millrace);
    const file = await publisher.file("counting.yaml", counting());
    expect(await publisher.does("flow", "publish", file)).toMatch(/^counting published, version/);
    expect(await publisher.does("flow", "publish", file)).toMatch(/^counting is as it was/);
    await tick(millrace, "d1");
    await until(async () => (await millrace.instance("counting", "d1")) !== undefined);

    const broken = await publisher.file("broken.yaml", counting(", x: { target: nowhere }"));
    const refused = await publisher.run("flow", "publish", broken, file);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain(`${broken}:7:`);
    expect(refused.stdout).toContain("there is no state `nowhere`");
    expect(refused.stdout).toMatch(/counting is as it was/);
    expect(refused.stderr).toBe(`millrace: not published: ${broken}\n`);

    const other = await publisher.file(
      "other.yaml",
      counting(', stop: { actions: { log: "stop" } }'),
    );
    expect(await publisher.does("flow", "publish", other)).toMatch(/^counting changed, version/);
    const shown = JSON.parse(await publisher.does("flow", "show", "counting", "--json")) as {
      versions: { version: string; current: boolean }[];
    };
    expect(shown.versions.map(({ current }) => current)).toEqual([false, true]);
    const first = `counting@${shown.versions[0]?.version.slice(0, 12)}`;
    expect(await publisher.does("flow", "diff", first, "counting")).toMatch(
      /^\+ transition on stop of busy: /,
    );
    expect(await publisher.does("flow", "diff", file, first)).toBe("nothing differs");
    expect(await publisher.does("flow", "show", first)).toContain("flow: counting");

    await publisher.does("flow", "retire", "counting");
    await tick(millrace, "d1");
    await until(async () => (await millrace.instance("counting", "d1"))?.seq === 2);
    expect(await publisher.does("flow", "list")).toMatch(/counting .* retired +api/);
    await millrace.stop();
  }, 60_000);

  test("and flows of a folder leave each other alone", async () => {
    const folder = join(newDataFolder("flows"), "flows");
    await mkdir(folder);
    await writeFile(join(folder, "counting.yaml"), counting());
    const millrace = await embeddedInstallation(folder).start();
    const publisher = new Publisher(millrace);
    const mine = await publisher.file("mine.yaml", counting(', mine: { actions: { log: "m" } }'));
    const refused = await publisher.run("flow", "publish", mine);
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/FLOW-003 counting comes from the folder .*; change its file there/),
    ]);
    expect((await publisher.run("flow", "retire", "counting")).code).toBe(1);

    await rm(join(folder, "counting.yaml"));
    await until(async () => /counting .* retired/.test(await publisher.does("flow", "list")));
    await publisher.does("flow", "publish", mine);
    await writeFile(join(folder, "counting.yaml"), counting());
    const passedOver = () =>
      millrace.log.some(({ msg }) =>
        msg.startsWith("flow passed over: it was published by the API"),
      );
    await until(passedOver);
    expect(await publisher.does("flow", "list")).toMatch(/counting .* current +api/);
    await publisher.does("flow", "retire", "counting");
    await writeFile(join(folder, "counting.yaml"), `${counting()}\n`);
    await until(async () => /counting .* current +\//.test(await publisher.does("flow", "list")));
    await millrace.stop();
  }, 60_000);

  test("move running instances to another version, counted by their states first", async () => {
    const millrace = await embeddedInstallation("").start();
    const publisher = new Publisher(millrace);
    const first = await publisher.file("one.yaml", counting());
    await publisher.does("flow", "publish", first);
    for (const name of ["m1", "m2"]) {
      await tick(millrace, name);
      await until(async () => (await millrace.instance("counting", name)) !== undefined);
    }
    const second = await publisher.file("two.yaml", counting().replaceAll("busy", "calm"));
    await publisher.does("flow", "publish", second);
    const migrate = ["flow", "migrate", "counting"];
    const lost = await publisher.run(...migrate, "--yes");
    expect([lost.code, lost.stdout]).toEqual([1, expect.stringMatching(/^busy +\? +2$/m)]);
    expect(lost.stderr).toMatch(
      /has no state busy; --map says what it is there\. Nothing was done/,
    );
    const map = ["--map", "busy=calm"];
    const wrong = await publisher.run(...migrate, "--map", "busy=clam", "--dry-run");
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringMatching(/API-002 .*no state clam/),
    ]);
    expect(await publisher.does(...migrate, ...map, "--dry-run")).toMatch(/^busy +calm +2$/m);
    expect((await millrace.instance("counting", "m1"))?.state).toBe("busy");
    const few = await publisher.run(...migrate, ...map, "--max", "1", "--yes");
    expect([few.code, few.stderr]).toEqual([1, expect.stringContaining("--max is 1")]);
    expect(await publisher.does(...migrate, ...map, "--yes")).toMatch(/migrated 2 instances$/);
    for (const name of ["m1", "m2"]) {
      await until(async () => (await millrace.instance("counting", name))?.state === "calm");
      await tick(millrace, name);
      await until(async () => (await millrace.instance("counting", name))?.seq === 3);
    }
    expect(await publisher.does("instance", "history", "counting", "m1")).toMatch(
      /2 .* operator migrate: busy → calm/,
    );
    expect(await publisher.does(...migrate, "--yes")).toMatch(/no instances to move/);
    await millrace.stop();
  }, 60_000);
});

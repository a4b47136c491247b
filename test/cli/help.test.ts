import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Example, examples } from "@millrace/cli/commands/examples";
import { createProgram, runCommandLine } from "@millrace/cli/program";
import mqtt from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { embeddedInstallation, type MillraceProcess, startCommand } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { wordsOf } from "../support/shell-words.ts";
import { until } from "../support/until.ts";
import { root } from "../tidy/source-files.ts";

/** The help of every command has examples, and each does what it says, on one installation. */

type Command = ReturnType<typeof createProgram>;

/** Every command that does something, by its words. */
function leavesOf(command: Command, words: readonly string[] = []): [string, Command][] {
  const inner = command.createHelp().visibleCommands(command);
  return inner
    .filter((one) => one.name() !== "help")
    .flatMap((one) =>
      one.commands.length > 0
        ? leavesOf(one, [...words, one.name()])
        : [[[...words, one.name()].join(" "), one] as [string, Command]],
    );
}

const leaves = leavesOf(createProgram());

/** They serve, or go on until Ctrl-C. The roles of their own are for Kafka: test/integration/roles.test.ts. */
const roles = ["gateway", "engine", "dispatcher"];
const lasting = ["start", "fleet", "journal tail"];
/** Without `--json`: what they print is a log, a script, or JSON by itself. */
const plain = [...roles, "start", "fleet", "completion", "flow schema", "deployment schema"];

describe("the help of a command", () => {
  test("has an example, of that command", () => {
    expect(Object.keys(examples).toSorted()).toEqual(leaves.map(([words]) => words).toSorted());
    for (const [words, own] of Object.entries(examples))
      for (const { line } of own) expect(line).toMatch(new RegExp(`^millrace ${words}( |$)`));
  });

  test("shows it", () => {
    for (const [words, command] of leaves) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      for (const { line } of examples[words] ?? []) expect(help).toContain(`  ${line}\n`);
    }
  });

  test("offers --json where something is asked", () => {
    const without = leaves.filter(
      ([, { options }]) => !options.some(({ long }) => long === "--json"),
    );
    expect(without.map(([words]) => words).toSorted()).toEqual(plain.toSorted());
  });
});

describe("an example", () => {
  const installation = embeddedInstallation("my-flows");
  const folder = join(installation.dataFolder ?? "", "..");
  let millrace: MillraceProcess;
  /** What the examples speak of, as it is here. */
  const names = new Map<string, string>();

  async function publish(topic: string, payload: string): Promise<void> {
    const client = await mqtt.connectAsync(millrace.mqtt);
    await client.publishAsync(topic, payload, { qos: 1 });
    await client.endAsync();
  }

  beforeAll(async () => {
    for (const name of ["my-flows", "new"]) mkdirSync(join(folder, name));
    const example = (name: string): string => join(root, "examples", name);
    for (const name of ["motion-light-pair.yaml", "stairs.yaml"])
      copyFileSync(example(name), join(folder, "my-flows", name));
    const text = readFileSync(example("motion-light.yaml"), "utf8");
    writeFileSync(
      join(folder, "new", "motion-light.yaml"),
      text.replace("< 40", "< 10").replaceAll("dimming", "fading"),
    );
    millrace = await installation.start({ shared: true });
    for (const flow of [text, readFileSync(example("door-alarm.yaml"), "utf8")]) {
      const answer = await fetch(`${millrace.http}/v1/flows`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text: flow }),
      });
      expect(answer.ok).toBe(true);
    }
    await publish("site/kitchen/motion", '{"lux":12}');
    await publish("site/kitchen/motion", '{"lux":"dim"}');
    const rejected = async (): Promise<readonly { id: string }[]> =>
      (await millrace.get<{ items: { id: string }[] }>("/v1/rejected")).items;
    await until(async () => (await rejected()).length === 1);
    names.set("3-1042", (await rejected())[0]?.id ?? "");
    const { steps } = await millrace.history("motion-light", "kitchen");
    names.set("73ddad185aec52ee52f2c2f7e36c3dd6", steps[0]?.traceId ?? "");
    names.set("mqtt://127.0.0.1:1883", millrace.mqtt);
    vi.stubEnv("MILLRACE_URL", millrace.http);
    vi.stubEnv("MILLRACE_LOG_URL", `file:${installation.dataFolder}`);
    const before = process.cwd();
    process.chdir(folder);
    return () => process.chdir(before);
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await millrace.stop();
  });

  afterEach(() => vi.restoreAllMocks());

  function here(line: string): string[] {
    let text = line;
    for (const [name, ours] of names) text = text.replaceAll(name, ours);
    return wordsOf(text).slice(1);
  }

  async function run(args: readonly string[]): Promise<{ code: number; stdout: string }> {
    let stdout = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      stdout += String(text);
      return true;
    });
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const code = await runCommandLine(args).finally(() => vi.restoreAllMocks());
    return { code, stdout };
  }

  async function does({ line, exitCodes = [0] }: Example): Promise<void> {
    const { code, stdout } = await run(here(line));
    expect(exitCodes, stdout).toContain(code);
    expect(stdout, line).not.toBe("");
  }

  const others = Object.entries(examples).filter(
    ([words]) => ![...roles, ...lasting, "rebuild"].includes(words),
  );

  test.each(others)("of %s does what it says", async (_, own) => {
    for (const example of own) await does(example);
  });

  const asking = others.filter(([words]) => !plain.includes(words));

  test.each(asking)("of %s, with --json, prints JSON", async (words, own) => {
    for (const { line, exitCodes = [0] } of own) {
      const { code, stdout } = await run([...here(line), "--json"]);
      expect(exitCodes, stdout).toContain(code);
      // A line for each fault, and there is none.
      if (words === "flow check") expect(stdout).toBe("");
      else
        for (const one of isJson(stdout) ? [stdout] : stdout.trim().split("\n"))
          expect(isJson(one), `${line} --json: ${one}`).toBe(true);
    }
  });

  test("of what goes on until Ctrl-C does what it says, and ends", async () => {
    const tail = startCommand(here(examples["journal tail"]?.[0]?.line ?? ""), process.env, folder);
    await until(async () => {
      await publish("site/office/motion", '{"lux":5}');
      return tail.output().includes("motion-light/office");
    });
    expect(await tail.interrupt()).toBe(null); // ended by the signal, as `tail -f` is

    const fleet = startCommand(here(examples["fleet"]?.[0]?.line ?? ""), process.env, folder);
    await until(() => /motion, \d+ lux/.test(fleet.output()));
    expect(await fleet.interrupt()).toBe(0);

    const ports = ["--mqtt-port", "0", "--http-port", "0"];
    for (const { line } of examples["start"] ?? []) {
      const other = newDataFolder("start");
      mkdirSync(join(other, "my-flows"));
      copyFileSync(join(root, "examples/motion-light.yaml"), join(other, "my-flows", "flow.yaml"));
      const env = { ...process.env, MILLRACE_LOG_URL: undefined };
      const server = startCommand([...here(line), ...ports], env, other);
      const sign = line.includes("--fleet") ? /motion, \d+ lux/ : /^millrace ready /m;
      await until(() => sign.test(server.output()));
      expect(await server.interrupt()).toBe(0);
    }
  });

  test("of rebuild does what it says, where nothing runs", async () => {
    expect(await millrace.stop()).toBe(0);
    for (const example of examples["rebuild"] ?? []) await does(example);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

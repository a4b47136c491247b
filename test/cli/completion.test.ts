import { execFile } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import mqtt from "mqtt";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { ensure } from "../support/servers/ensure.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { inTerminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";

const examples = fileURLToPath(new URL("../../examples", import.meta.url));
const bin = fileURLToPath(new URL("../../packages/cli/bin/millrace.mjs", import.meta.url));
/** Nobody listens there: what is completed without a server is. */
const nowhere = { MILLRACE_URL: "http://127.0.0.1:9" };

/** What `complete` offers at the end of a line, without what it says about it. */
async function offered(words: readonly string[], env: Record<string, string> = nowhere) {
  const { code, stdout, stderr } = await runMillrace(["complete", "--", ...words], { env });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t", 1)[0]]));
}

describe("the words that TAB offers", () => {
  test.each([
    { line: [], offers: ["start", "gateway", "engine", "flow", "instance", "completion"] },
    { line: ["inst"], offers: ["instance"] },
    { line: ["deployment", ""], offers: ["list", "show"] },
    { line: ["instance", ""], offers: ["list", "show", "history", "signal"] },
    { line: ["instance", "list", "--st"], offers: ["--state", "--status"] },
    { line: ["instance", "list", "--status", "pa"], offers: ["paused"] },
    { line: ["instance", "list", "--status=pa"], offers: ["--status=paused"] },
    { line: ["start", "--mqtt-port", "0", "--log-level", "de"], offers: ["debug"] },
    { line: ["engine", "--allow", "single-broker,u"], offers: ["single-broker,unclean-election"] },
    { line: ["start", "--flows", ""], offers: [":folders"] },
    { line: ["start", "--config", "mill"], offers: [":files"] },
    { line: ["flow", "check", "a.yaml", ""], offers: [":files"] },
    { line: ["completion", ""], offers: ["bash", "zsh", "fish"] },
    { line: ["rejected", "list", "--"], offers: ["--flow", "--json", "--limit"] },
  ])("after `millrace $line` are $offers", async ({ line, offers }) => {
    expect(await offered(line)).toEqual(expect.arrayContaining(offers));
  });

  test("are none where anything may stand, and where nobody answers", async () => {
    for (const line of [
      ["start", "--token", ""],
      ["instance", "show", "motion-light", "h"],
      ["instance", "list", "--flow", ""],
      ["no-such-command", ""],
    ]) {
      expect(await offered(line)).toEqual([]);
    }
  });

  test("do not say themselves how they are asked for", async () => {
    expect(await offered(["comp"])).toEqual(["completion"]);
    expect((await runMillrace(["--help"])).stdout).not.toMatch(/^ +complete /m);
  });

  test("do not wait for a server that does not answer", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await until(() => server.listening);
    const { port } = server.address() as AddressInfo;
    const env = { MILLRACE_URL: `http://127.0.0.1:${port}` };
    expect(await offered(["instance", "show", ""], env)).toEqual([]);
  });

  test("are a server's flows, keys and inputs", { timeout: 60_000 }, async () => {
    const millrace = await embeddedInstallation(examples).start();
    const env = { MILLRACE_URL: millrace.http };
    const client = await mqtt.connectAsync(millrace.mqtt);
    for (const thing of ["hall", "hall-2", "porch:1"]) {
      await client.publishAsync(`site/${thing}/motion`, '{"lux":12}', { qos: 1 });
    }
    await client.endAsync();
    await until(async () => (await millrace.instance("motion-light", "porch:1")) !== undefined);

    // A server that takes longer than half a second is not waited for: TAB is pressed again.
    const again = async (offer: () => Promise<readonly unknown[]>): Promise<readonly unknown[]> => {
      let words: readonly unknown[] = [];
      await until(async () => (words = await offer()).length > 0);
      return words;
    };
    expect(await again(() => offered(["instance", "list", "--flow", "m"], env))).toEqual([
      "motion-light-pair",
      "motion-light",
    ]);
    expect(await again(() => offered(["deployment", "show", "s"], env))).toEqual(["stairs"]);
    expect(await again(() => offered(["instance", "show", "d"], env))).toEqual(["door-alarm"]);
    const show = ["instance", "show", "motion-light"];
    expect(await again(() => offered([...show, ""], env))).toEqual(["hall", "hall-2", "porch:1"]);
    expect(await again(() => offered([...show, "hall"], env))).toEqual(["hall", "hall-2"]);
    expect(
      await again(() => offered(["instance", "signal", "motion-light", "hall", ""], env)),
    ).toEqual(["motion", "clear"]);
    // bash ends words at `:`, and puts what it is given behind the last of them.
    expect(await again(() => inBash("millrace instance show motion-light po", env))).toEqual([
      "porch:1",
    ]);
    expect(await again(() => inBash("millrace instance show motion-light porch:", env))).toEqual([
      "1",
    ]);
    await millrace.stop();
  });
});

describe("millrace completion", () => {
  test.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    const { code, stdout } = await runMillrace(["completion", shell]);
    expect(code).toBe(0);
    expect(stdout).toContain("complete -- ");
  });

  test("names the shells that it knows", async () => {
    const { code, stderr } = await runMillrace(["completion", "tcsh"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Allowed choices are bash, zsh, fish.");
    expect(stderr).toContain("(millrace completion --help shows how)");
  });

  test("completes in bash, with nothing of bash-completion", { timeout: 30_000 }, async () => {
    expect(await inBash("millrace inst")).toEqual(["instance"]);
    expect(await inBash("millrace start --log-level=d")).toEqual(["debug"]);
    expect(await inBash("millrace start --log-level d")).toEqual(["debug"]);
    expect(await inBash("millrace flow check ")).toEqual([]); // readline looks for files
  });

  test("evaluates nothing of the line", async () => {
    const file = join(newDataFolder("evaluated"), "made");
    await inBash(`millrace instance show $(touch ${file}) `);
    expect(existsSync(file)).toBe(false);
  });
});

describe.each(["zsh", "fish"] as const)("%s", (shell) => {
  beforeAll(() => ensure(shell));
  const inShell = { zsh: inZsh, fish: inFish }[shell];

  test("completes commands, options and what they may be", { timeout: 30_000 }, async () => {
    expect(await inShell("millrace inst")).toBe("millrace instance");
    expect(await inShell("millrace start --log-level d")).toBe("millrace start --log-level debug");
    expect(await inShell("millrace start --log-level=d")).toBe("millrace start --log-level=debug");
    expect(await inShell("millrace flow check on")).toBe("millrace flow check only.yaml");
    expect(await inShell("millrace start --flows fo")).toBe("millrace start --flows folder/");
  });

  test("completes a key of a server", { timeout: 60_000 }, async () => {
    const millrace = await embeddedInstallation(examples).start();
    const client = await mqtt.connectAsync(millrace.mqtt);
    await client.publishAsync("site/porch:1/motion", '{"lux":12}', { qos: 1 });
    await client.endAsync();
    await until(async () => (await millrace.instance("motion-light", "porch:1")) !== undefined);
    const line = "millrace instance show motion-light po";
    const wanted = "millrace instance show motion-light porch:1";
    // A server that takes longer than half a second is not waited for: TAB is pressed again.
    await until(async () => (await inShell(line, { MILLRACE_URL: millrace.http })) === wanted);
    await millrace.stop();
  });

  test("evaluates nothing of the line", { timeout: 30_000 }, async () => {
    const file = join(newDataFolder("evaluated"), "made");
    await inShell(`millrace instance show $(touch ${file}) x`);
    expect(existsSync(file)).toBe(false);
  });
});

/** A folder with `millrace` in it, a file and a folder, and an environment that has nothing but it. */
function placeToType(env: Record<string, string>): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = newDataFolder("shell");
  symlinkSync(bin, join(folder, "millrace"));
  writeFileSync(join(folder, "only.yaml"), "");
  mkdirSync(join(folder, "folder"));
  const path = [folder, dirname(process.execPath), process.env["PATH"]].join(delimiter);
  return { folder, env: { PATH: path, HOME: folder, ZDOTDIR: folder, TERM: "dumb", ...env } };
}

/** A line as it stands after TAB, typed to a zsh in a terminal. */
async function inZsh(line: string, more: Record<string, string> = nowhere): Promise<string> {
  const { folder, env } = placeToType(more);
  // Ctrl-T prints the line as it stands.
  const setup = [
    "PS1=",
    "source <(millrace completion zsh)",
    'shown() { print -r -- "LINE:$BUFFER:" }',
    "zle -N shown; bindkey '^T' shown",
    "print READY",
  ];
  writeFileSync(join(folder, ".setup"), setup.join("\n"));
  const terminal = inTerminal("zsh -f -i", { env, folder });
  terminal.type("source ./.setup\n");
  await until(() => terminal.output().includes("READY"));
  terminal.type(`${line}\t\x14`);
  await until(() => /LINE:.*:/.test(terminal.output()));
  terminal.type("\x15exit\n");
  await terminal.ended;
  return (/LINE:(.*):/.exec(terminal.output())?.[1] ?? "").trimEnd();
}

/** The same for fish, which is asked what it would offer: the one candidate. */
async function inFish(line: string, more: Record<string, string> = nowhere): Promise<string> {
  const { folder, env } = placeToType(more);
  const script = "millrace completion fish | source; complete -C $argv[1]";
  const { stdout } = await promisify(execFile)("fish", ["--no-config", "-c", script, line], {
    env,
    cwd: folder,
  });
  const [word, ...others] = stdout.split("\n").flatMap((one) => one.split("\t")[0] || []);
  expect(others).toEqual([]);
  return line.replace(/\S+$/, word ?? "");
}

/** What bash is given at the end of a line: its own function is called as readline calls it. */
async function inBash(line: string, env: Record<string, string> = nowhere): Promise<string[]> {
  const folder = newDataFolder("bash");
  symlinkSync(bin, join(folder, "millrace"));
  const script = join(folder, "ask.bash");
  // The pieces of the line as readline makes them: blanks, and what COMP_WORDBREAKS has, end a word.
  const pieces = line.split(/ +|(?<=[:=])|(?=[:=])/);
  writeFileSync(
    script,
    [
      "source <(millrace completion bash); source <(millrace completion bash)",
      "COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'",
      "COMP_LINE=$1 COMP_POINT=${#1}; shift",
      'COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))',
      "_millrace",
      'for one in "${COMPREPLY[@]}"; do echo "$one"; done',
    ].join("\n"),
  );
  const path = [folder, dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const { stdout, stderr } = await promisify(execFile)(
    "bash",
    ["--norc", script, line, ...pieces],
    { env: { PATH: path, ...env } },
  );
  expect(stderr).toBe("");
  return stdout.split("\n").filter((one) => one !== "");
}

import { execFile } from "node:child_process";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import mqtt from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
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

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { evaluateModule } from "@millrace/cli/flow-module/evaluate";
import { describe, expect, test } from "vitest";
import { embeddedInstallation, runMillrace } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/** Flows as modules: data that a program puts together. */

const define = fileURLToPath(
  new URL("../../packages/shared/src/flow/define-flow.ts", import.meta.url),
);

const helper = "export const topic = (name: string): string => `mod/${name}/go`;\n";

function flowModule(name: string): string {
  return `
import { defineFlow } from ${JSON.stringify(define)};
import { topic } from "./topics.ts";

export default ["a", "b"].map((one) => defineFlow({
  flow: "${name}-" + one,
  inputs: { go: { topic: topic(one) } },
  machine: { on: { go: { actions: { log: "went" } } } },
}));
`;
}

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(newDataFolder("modules"), "flows");
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

describe("a flow module", () => {
  test("is checked as a file is, and needs no server", async () => {
    const folder = await folderWith({ "mod.ts": flowModule("mod"), "topics.ts": helper });
    const { code, stdout, stderr } = await runMillrace(["flow", "check", join(folder, "mod.ts")]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/mod-a is good.*\n.*mod-b is good/);
    await writeFile(join(folder, "mod.ts"), flowModule("mod").replace("log:", "lgo:"));
    const bad = await runMillrace(["flow", "check", join(folder, "mod.ts")]);
    expect([bad.code, bad.stdout]).toEqual([
      1,
      expect.stringMatching(/mod\.ts:\d+:\d+ error machine\.on\.go\.actions.*lgo/),
    ]);
  });

  test.each([
    ["throws", "throw new Error('no luck');", /no luck/],
    [
      "has a function in it",
      "export default { flow: 'f', machine: { on: () => 1 } };",
      /machine\.on is a function/,
    ],
    [
      "is an object of a class",
      "export default { flow: 'f', at: new Date() };",
      /at is an object of a class/,
    ],
    [
      "has itself in it",
      "const f = { flow: 'f' }; f.f = f; export default f;",
      /f has itself in it/,
    ],
    ["imports what is not there", "import './nowhere.mjs'; export default {};", /nowhere/],
    [
      "writes a file",
      "import fs from 'node:fs'; fs.writeFileSync('x', ''); export default {};",
      /restricted|Access/i,
    ],
    [
      "starts a program",
      "import { execFileSync } from 'node:child_process'; execFileSync('true'); export default {};",
      /restricted|Access/i,
    ],
    ["ends its process", "process.exit(3);", /it ended/],
    ["ends in peace", "process.exit(0);", /it ended before/],
  ])("that %s yields no flow, and says why", async (_, text, why) => {
    const folder = await folderWith({ "bad.mjs": text });
    await expect(evaluateModule(join(folder, "bad.mjs"))).rejects.toThrow(why);
    await expect(evaluateModule(join(folder, "bad.mjs"))).rejects.toThrow(/FLOW-004/);
  });

  test("has its time, and sees no environment", async () => {
    const folder = await folderWith({
      "slow.mjs": "for (;;);",
      "env.mjs":
        "console.log('{'); export default { flow: Object.keys(process.env).join() || 'none' };",
    });
    await expect(evaluateModule(join(folder, "slow.mjs"), 500)).rejects.toThrow(
      /longer than 500 ms/,
    );
    expect(await evaluateModule(join(folder, "env.mjs"))).toBe('--- {"flow":"none"}');
  });

  test("is published from a folder; a broken one keeps nobody from running", async () => {
    const folder = await folderWith({
      "broken.mjs": "throw new Error('no luck');",
      "mod.ts": flowModule("mod"),
      "topics.ts": helper,
    });
    const millrace = await embeddedInstallation(folder).start();
    const names = async (): Promise<string[]> => {
      const { items } = await millrace.get<{ items: { name: string }[] }>("/v1/flows");
      return items.map(({ name }) => name);
    };
    expect(await names()).toEqual(["mod-a", "mod-b"]);
    expect(millrace.log.some(({ msg }) => /FLOW-004 .*no luck/.test(msg))).toBe(true);
    await writeFile(join(folder, "broken.mjs"), "export default { flow: 'mended', machine: {} };");
    await until(async () => (await names()).includes("mended"));
    await millrace.stop();
  }, 60_000);
});

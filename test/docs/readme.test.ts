import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createProgram } from "@millrace/cli/program";
import { type ConfigInput, loadConfig } from "@millrace/cli/config/load";
import { type SettingName, settings } from "@millrace/cli/config/settings";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import type { Operations } from "@millrace/gateway/api/operations";
import { isStream } from "@millrace/gateway/api/route";
import { routesOf } from "@millrace/gateway/api/routes";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { fencesIn } from "./page.ts";
import { play } from "./play.ts";

/** README.md names all that there is, and nothing else; what a reader copies from it works. */

type Command = ReturnType<typeof createProgram>;

const path = join(root, "README.md");
const readme = readFileSync(path, "utf8");
const fences = fencesIn(readme, path);
const commandLines = fences
  .filter(({ info }) => info === "sh")
  .flatMap(({ text }) => text.trim().split("\n"));

describe("README.md", () => {
  test("has a flow that the loader takes, in the version that it shows", () => {
    const { flow, faults } = loadFlow(flowText(), "freezer.yaml");
    expect(faults.map(writeFault)).toEqual([]);
    expect(new Set(readme.match(/\b[0-9a-f]{24}\b/g))).toEqual(new Set([flow?.version]));
  });

  test("shows a fault as the loader tells it", () => {
    const shown = /^my-flows\/freezer\.yaml:\d+:\d+ error .*$/m.exec(readme)?.[0];
    const { faults } = loadFlow(flowText().replace("target: warm", "target: wram"), "");
    expect(faults.map((fault) => writeFault({ ...fault, file: "my-flows/freezer.yaml" }))).toEqual([
      shown,
    ]);
  });

  test("has a flow that does what is said of it", async () => {
    const run = `
publish freezer/cellar/reading {"celsius": -18}
  freezer/cellar is cold
publish freezer/cellar/reading {"celsius": -9}
  freezer/cellar is warm
  freezer/cellar wakes in 1m
publish freezer/cellar/reading {"celsius": "mild"}
  rejected schema payload.celsius must be number
device offline
crash
advance 68s
  freezer/cellar is alarm
  command buzzer to freezer/cellar/buzzer {"on": true}
device online
signal freezer/cellar reading {"celsius": -20}
  freezer/cellar is cold
  command buzzer {"on": false}
`;
    await play([{ text: flowText() }], { info: "text run", heading: "README", line: 1, text: run });
  });

  test("has a row for every setting, with its flag and its default", () => {
    const rows = rowsUnder("Settings").map(([env, flag, preset]) => [env, flag, preset]);
    expect(rows.map(([env, flag]) => [env, flag])).toEqual(
      Object.values(settings).map(({ env, flag }) => [`\`${env}\``, `\`${flag.split(" ")[0]}\``]),
    );
    const config = loadConfig({ flags: {}, env: {}, file: "none.yaml" } satisfies ConfigInput);
    for (const [i, name] of (Object.keys(settings) as SettingName[]).entries()) {
      const preset = rows[i]?.[2] ?? "";
      if (preset.startsWith("`") && name !== "partitions") {
        expect([name, preset]).toEqual([name, `\`${String(config[name])}\``]);
      } else if (preset === "none") expect([undefined, new Set(), []]).toContainEqual(config[name]);
    }
  });

  test("has a row for every command, and every command that it shows is one", () => {
    const commands = commandsOf(createProgram());
    const shown = rowsUnder("The command line").map(([cell = ""]) => withoutArguments(cell));
    expect(shown.toSorted()).toEqual(commands.toSorted());
    const typed = commandLines.flatMap((line) => /\bmillrace [^)|]*/.exec(line) ?? []);
    expect(typed.length).toBeGreaterThan(10);
    expect(typed.filter((line) => !commands.some((one) => `${line} `.startsWith(one)))).toEqual([]);
  });

  test("has a row for every route of the HTTP API", () => {
    const server = readFileSync(join(root, "packages/gateway/src/api/server.ts"), "utf8");
    const plain = Array.from(
      server.matchAll(/\b(app|v1)\.get\("([^"]+)"/g),
      ([, scope, path]) => `\`GET ${scope === "v1" ? "/v1" : ""}${path}\``,
    );
    const nobody = {} as Operations; // only asked when a route is
    const routes = plain.concat(
      routesOf(nobody).map((one) => `\`${isStream(one) ? "GET" : one.method} /v1${one.path}\``),
    );
    expect(routes.length).toBeGreaterThan(5);
    const shown = rowsUnder("The HTTP API").map(([route = ""]) => route);
    expect(shown.toSorted()).toEqual(routes.toSorted());
  });

  test("names no variable and no script that is not there", () => {
    const known = new Set<string>(Object.values(settings).map(({ env }) => env));
    const variables = Array.from(readme.matchAll(/\bMILLRACE_[A-Z_]+\b/g), ([name]) => name);
    const others = /^MILLRACE_(URL|TEST_KAFKA|TEST_REDIS)$/;
    expect(variables.filter((name) => !known.has(name) && !others.test(name))).toEqual([]);

    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const scripts = Array.from(readme.matchAll(/\bnpm (?:run )?(\w+)/g), ([, name = ""]) => name);
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
    expect(Object.keys(manifest.scripts).filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test("names every package and folder, and no other", () => {
    const shown = rowsUnder("What is where").map(([cell = ""]) => cell.replaceAll("`", ""));
    expect(shown.filter((folder) => !existsSync(join(root, folder)))).toEqual([]);
    expect(shown).toEqual(expect.arrayContaining(packageFolders()));
  });
});

describe.each(["README.md", "deploy/README.md"])("%s", (page) => {
  test("has no link to a file or a heading that is not there", () => {
    const text = readFileSync(join(root, page), "utf8");
    const links = Array.from(text.matchAll(/\]\(([^)]+)\)/g), ([, link = ""]) => link);
    const broken = links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(page, link));
    expect(broken).toEqual([]);
  });
});

function flowText(): string {
  const [flow, ...others] = fences.filter(({ info }) => info === "yaml flow");
  expect(others).toEqual([]);
  return flow?.text ?? "";
}

/** The cells of the table below a heading, without its head. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim());
  return lines.slice(2).map(cells);
}

/** `flow check FILE…` is shown for `millrace flow check`. */
function withoutArguments(cell: string): string {
  return cell.replaceAll("`", "").replaceAll(/ [A-Z]+…?/g, "");
}

/** Every command that does something: `millrace flow check`, not `millrace flow`. */
function commandsOf(program: Command): string[] {
  const named = (command: Command, line: string): string[] =>
    command
      .createHelp()
      .visibleCommands(command)
      .filter((inner) => inner.name() !== "help")
      .flatMap((inner) =>
        inner.commands.length > 0
          ? named(inner, `${line} ${inner.name()}`)
          : [`${line} ${inner.name()}`],
      );
  return named(program, program.name());
}

function packageFolders(): string[] {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, unknown>;
  };
  return Object.keys(lock.packages).filter((name) => name.startsWith("packages/"));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [file = "", heading] = link.split("#");
  const target = file === "" ? join(root, page) : join(root, dirname(page), file);
  if (!existsSync(target)) return false;
  return heading === undefined || anchorsOf(target).includes(heading);
}

/** The headings of a page as GitHub makes anchors of them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, "utf8").matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

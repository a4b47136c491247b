import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createProgram } from "@millrace/cli/program";
import mqtt from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { wordsOf } from "../support/shell-words.ts";
import { until } from "../support/until.ts";
import { root } from "../tidy/source-files.ts";
import { type Fence, fencesIn } from "./page.ts";
import { Session } from "./session.ts";

/** Whatever a page tells its reader to type is there, and what is said to come of it does. */

type Command = ReturnType<typeof createProgram>;

const pages = [
  "README.md",
  "docs/operations.md",
  "docs/observability.md",
  "docs/flows.md",
  "docs/api.md",
];

const readText = (page: string): string => readFileSync(join(root, page), "utf8");
const fencesOf = (page: string): Fence[] => fencesIn(readText(page), page);

describe.each(pages)("%s", (page) => {
  test("shows commands and options that there are", async () => {
    const typed = fencesOf(page)
      .filter(({ info }) => info === "sh")
      .flatMap(({ text }) => text.replaceAll("\\\n", "").split("\n"))
      .map((line) => line.replace(/\s#.*$/, ""));
    const prose = readText(page).replaceAll(/^```[^]*?^```$/gm, "");
    const spoken = Array.from(prose.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
    const wrong: string[] = [];
    for (const line of typed.flatMap(commandIn)) wrong.push(...(await faultsOf(line, [])));
    for (const line of spoken.flatMap(commandIn)) wrong.push(...(await faultsOf(line, leftOut)));
    expect(wrong).toEqual([]);
  });
});

/** Of what a text speaks of, arguments may be left out, or stand for others: `millrace flow check FILE…`. */
const leftOut = ["commander.help", "commander.missingArgument", "commander.invalidArgument"];

/** The command of a line of a shell, without what stands before and behind it. */
function commandIn(line: string): string[] {
  const found = /(?:^|\(|\| )(?:[A-Z_]+=\S+ )?(millrace [^)|&;…]*)/.exec(line)?.[1];
  return found === undefined ? [] : [found.trim()];
}

/** What is wrong with a command line; nothing of it is done. */
async function faultsOf(line: string, allowed: readonly string[]): Promise<string[]> {
  const program = createProgram();
  const stub = (command: Command): void => {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    for (const inner of command.commands) stub(inner);
  };
  stub(program);
  try {
    await program.parseAsync(wordsOf(line).slice(1), { from: "user" });
    return [];
  } catch (error) {
    const { code = "", message } = error as { code?: string; message: string };
    return allowed.includes(code) ? [] : [`${line}: ${message}`];
  }
}

/** The blocks of commands below a heading, each with what it should print. */
function typedUnder(page: string, heading: RegExp): { typed: Fence; printed: Fence | undefined }[] {
  const fences = fencesOf(page).filter((fence) => heading.test(fence.heading));
  return fences.flatMap((typed, i) => {
    if (typed.info !== "sh") return [];
    const next = fences[i + 1];
    return [{ typed, printed: next?.info === "text" ? next : undefined }];
  });
}

/** @param typed is told each block when it is done */
async function play(
  session: Session,
  page: string,
  heading: RegExp,
  done: (block: Fence) => Promise<void> = async () => {},
): Promise<number> {
  const blocks = typedUnder(page, heading);
  for (const { typed, printed } of blocks) {
    await session.type(typed, printed);
    await done(typed);
  }
  return blocks.length;
}

async function opened(stir?: () => Promise<void>): Promise<Session> {
  const session = new Session(stir);
  onTestFinished(() => session.end());
  return session;
}

async function say(session: Session, topic: string, payload: string): Promise<void> {
  const client = await mqtt.connectAsync(session.process.mqtt);
  await client.publishAsync(topic, payload, { qos: 1 });
  await client.endAsync();
}

describe("what the pages tell a reader to type", { timeout: 120_000 }, () => {
  test("README.md: a first flow in five minutes", async () => {
    const session = await opened();
    const [flow] = fencesOf("README.md").filter(({ info }) => info === "yaml flow");
    mkdirSync(join(session.folder, "my-flows"));
    writeFileSync(join(session.folder, "my-flows", "freezer.yaml"), flow?.text ?? "");
    let starts = 0;
    const count = await play(
      session,
      "README.md",
      /^A first flow in five minutes$/,
      async (block) => {
        if (block.text.startsWith("millrace start")) starts += 1;
        // Who reads is not as quick as this: the command has been put aside by then.
        if (block.text.startsWith("millrace start") && starts === 2)
          await until(async () => {
            const { steps } = await session.process.history("freezer", "cellar");
            return steps[0]?.cause.type === "parked";
          });
      },
    );
    expect([starts, count > 9]).toEqual([2, true]);
  });

  test("README.md: why is the lamp on?", async () => {
    const session = await opened();
    cpSync(join(root, "examples"), join(session.folder, "examples"), { recursive: true });
    await session.start("--flows", "examples"); // as `npm start` does, but for the simulated rooms
    const done = async ({ text }: Fence): Promise<void> => {
      // What was published is taken before a reader has typed the next line.
      if (text.startsWith("mqtt pub"))
        await until(async () => (await session.process.readiness()).engine.steps > 0);
    };
    expect(await play(session, "README.md", /^Why is the lamp on/, done)).toBeGreaterThan(3);
  });

  test("docs/api.md", async () => {
    const move = (): Promise<void> => say(session, "site/kitchen/motion", '{"lux":9}');
    const session: Session = await opened(move);
    cpSync(join(root, "examples"), join(session.folder, "examples"), { recursive: true });
    await session.start("--flows", "examples");
    await move();
    await until(
      async () => (await session.process.instance("motion-light", "kitchen")) !== undefined,
    );
    expect(await play(session, "docs/api.md", /./)).toBe(2);
  });

  test("docs/operations.md", async () => {
    const publish = (topic: string, payload: string) => say(session, topic, payload);
    const session: Session = await opened(() => publish("site/kitchen/motion", '{"lux":9}'));
    const flow = readFileSync(join(root, "examples", "motion-light.yaml"), "utf8");
    for (const folder of ["flows", "new"]) mkdirSync(join(session.folder, folder));
    writeFileSync(join(session.folder, "new/motion-light.yaml"), flow.replace("< 40", "< 10"));
    await session.start();
    await fetch(`${session.process.http}/v1/flows`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: flow }),
    });
    for (const room of ["kitchen", "hall"]) await publish(`site/${room}/motion`, '{"lux":12}');
    for (const room of ["kitchen", "hall"]) await publish(`site/${room}/motion`, '{"lux":"dim"}');
    const rejected = async (): Promise<readonly { id: string }[]> =>
      (await session.process.get<{ items: { id: string }[] }>("/v1/rejected")).items;
    await until(async () => (await rejected()).length === 2);
    session.rename("3-1042", (await rejected())[0]?.id ?? "");
    const count = await play(session, "docs/operations.md", /^(?!Kubernetes$|A log that may not)/);
    expect(count).toBeGreaterThan(12);
    const hall = await session.process.instance("motion-light", "hall");
    expect(hall).toMatchObject({ status: "paused", state: "lit" });
  });
});

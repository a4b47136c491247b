import type { Difference, Summary, Undecided } from "@millrace/engine/query/verify/report";
import type { VerifyProgress } from "@millrace/engine/query/verify/verify";
import { parseDurationMs } from "@millrace/shared/contract/time";
import type { Flow } from "@millrace/shared/flow/flow";
import { Command } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { loadConfig } from "../config/load.ts";
import { writeDifference, writeEffects } from "../output/difference.ts";
import { Progress } from "../output/progress.ts";
import { print, usage } from "./common.ts";
import { type SettingFlags, withSettings } from "./serve.ts";

interface VerifyFlags extends SettingFlags {
  readonly since?: number;
  readonly until?: number;
  readonly flow?: string;
  readonly namespace?: string;
  readonly key?: string;
  readonly with?: string;
  readonly json?: boolean;
}

/** `flow verify`: recorded inputs, decided again. */
export function verifyCommand(): Command {
  return withSettings(
    new Command("verify")
      .description("decide recorded inputs again, by the versions of then or by another one")
      .option("--since <time>", "from this time on, as 7d, or 2026-11-21T18:00", timeOf)
      .option("--until <time>", "before this time", timeOf)
      .option("--flow <flow>", "of this flow")
      .option("--namespace <namespace>", "of this namespace")
      .option("--key <key>", "of instances with this key")
      .option("--with <file>", "by the flow in this file: what it would have done")
      .option("--json", "as JSON, a line for each difference, and one for the summary"),
  ).action(verifyAll);
}

async function verifyAll(given: VerifyFlags): Promise<void> {
  const { config: file, since, until, flow, namespace, key, with: other, json, ...flags } = given;
  const config = loadConfig({ flags, env: process.env, file });
  const [{ Lifetime }, { openLog }, { createLogger }, { verify }] = await Promise.all([
    import("../compose/lifetime.ts"),
    import("../compose/installation.ts"),
    import("../compose/logger.ts"),
    import("@millrace/engine/query/verify/verify"),
  ]);
  const version = other === undefined ? undefined : await readVersion(other, flow);
  const line = createLogger("warn", "verify");
  const lifetime = new Lifetime(line);
  const display = new Display(json === true, version !== undefined);
  try {
    const log = await openLog(config, line, lifetime);
    const summary = await verify(log, {
      range: { since, until },
      ...(namespace !== undefined && { ns: namespace }),
      ...(flow !== undefined && { flow }),
      ...(key !== undefined && { key }),
      ...(version !== undefined && { with: version }),
      onDifference: (difference) => display.show(difference),
      onProgress: (progress) => display.move(progress),
      onFault: (name, why) => line("warn", "a published flow cannot be compiled", { name, why }),
    });
    display.end(summary);
    if (summary.differ > 0) {
      const count = summary.differ === 1 ? "1 comes" : `${summary.differ} come`;
      throw new CommandFailed(`${count} out otherwise`, exitCodes.failed);
    }
  } finally {
    await lifetime.end();
  }
}

/** A time of the log: so long ago, or as ISO 8601 has it. */
function timeOf(text: string): number {
  const ago = parseDurationMs(text);
  const time = ago === undefined ? Date.parse(text) : Date.now() - ago;
  if (Number.isFinite(time)) return time;
  throw usage(`${text} is no time: write how long ago, as 7d or 12h, or when, as 2026-11-21T18:00`);
}

/** The one flow of a file, or the one of several that is named. */
async function readVersion(file: string, name: string | undefined): Promise<Flow> {
  const [{ loadFile, writeFault }, { readFlowFile }] = await Promise.all([
    import("@millrace/shared/flow/load"),
    import("../compose/flow-folder.ts"),
  ]);
  const { flows, faults, faulty } = loadFile(await readFlowFile(file), file);
  if (faulty > 0) {
    for (const fault of faults) print(writeFault(fault));
    throw new CommandFailed(`${file} has faults`, exitCodes.failed);
  }
  const [flow, ...others] = flows.filter((one) => name === undefined || one.name === name);
  if (flow !== undefined && others.length === 0) return flow;
  const found = flows.map((one) => one.name).join(", ") || "none";
  throw usage(
    `${file} must have ${name === undefined ? "one flow, or --flow must name one" : `the flow ${name}`}; it has ${found}`,
  );
}

/** What each reason means, for people. */
const reasons: Readonly<Record<Undecided, string>> = {
  "payload-gone": "their events are no longer in the log",
  "unknown-version": "the registry does not have the version that decided",
  poison: "they were rejected unread",
  "registry-changed": "flow or deployment changed in that moment",
  "state-unmapped": "they were in a state that the other version does not have",
  elsewhere: "they would have been for instances of other partitions",
  "timers-without-end": "timers of the other version fire again and again",
};

/** Differences as they are found, below them the summary; on a terminal, a line that moves. */
class Display {
  readonly #json: boolean;
  readonly #isOther: boolean;
  readonly #startMs = performance.now();
  readonly #startCpu = process.cpuUsage();
  readonly #progress: Progress;

  constructor(json: boolean, isOther: boolean) {
    this.#progress = new Progress(!json);
    this.#json = json;
    this.#isOther = isOther;
  }

  move({ done, partitions, passes, part }: VerifyProgress): void {
    const again = passes === 0 ? "" : `, for the ${passes + 1}th time`;
    this.#progress.move((done + part) / partitions, `${done}/${partitions} partitions${again}`);
  }

  show(difference: Difference): void {
    this.#progress.clear();
    print(this.#json ? JSON.stringify({ difference }) : writeDifference(difference));
  }

  end(summary: Summary): void {
    this.#progress.clear();
    const { steps } = summary;
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const { user, system } = process.cpuUsage(this.#startCpu);
    const stepsPerSecond = Math.round(steps / seconds);
    const stepsPerCpuSecond = Math.round(steps / ((user + system) / 1e6));
    if (this.#json)
      return print(JSON.stringify({ summary: { ...summary, stepsPerSecond, stepsPerCpuSecond } }));
    if (summary.effects.length > 0) print(`\n${writeEffects(summary.effects)}\n`);
    const { decided, instances, rejections, differ, undecided } = summary;
    const by = this.#isOther ? "by the other version" : "by the versions of then";
    print(
      `decided ${decided} inputs of ${instances} instances ${by}: ${steps} steps and ${rejections} rejections of the journal compared, ${differ} come out otherwise`,
    );
    for (const [why, count] of Object.entries(undecided))
      print(`not decided: ${count}, ${reasons[why as Undecided]} (${why})`);
    print(`${stepsPerSecond} steps/s, ${stepsPerCpuSecond} a second of CPU`);
  }
}

import type { RebuildProgress } from "@millrace/engine/query/rebuild";
import { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { Progress } from "../output/progress.ts";
import { usage } from "./common.ts";
import { type SettingFlags, withSettings } from "./serve.ts";

interface RebuildFlags extends SettingFlags {
  readonly only?: readonly number[];
  readonly anew?: boolean;
  readonly json?: boolean;
}

/** Partitions that are rebuilt at once: while one waits for the log, another folds. */
const AT_ONCE = 4;

/** `rebuild`: the store, from the journal. */
export function rebuildCommand(): Command {
  return withSettings(
    new Command("rebuild")
      .description("make the store anew from the journal; one that was interrupted goes on")
      .option("--only <partitions>", "these partitions, as 0,4,8-15", partitionList)
      .option("--anew", "begin anew what was interrupted")
      .option("--json", "as JSON, a line for each partition"),
  ).action(rebuildAll);
}

async function rebuildAll({
  config: file,
  only,
  anew,
  json,
  ...flags
}: RebuildFlags): Promise<void> {
  const config = loadConfig({ flags, env: process.env, file });
  const [{ Lifetime }, { openInstallation }, { createLogger }, { rebuild }, { randomName }] =
    await Promise.all([
      import("../compose/lifetime.ts"),
      import("../compose/installation.ts"),
      import("../compose/logger.ts"),
      import("@millrace/engine/query/rebuild"),
      import("@millrace/shared/ports/clock"),
    ]);
  const line = createLogger("warn", "rebuild");
  const lifetime = new Lifetime(line);
  try {
    const { log, store, clock } = await openInstallation(config, line, lifetime);
    const all = Array.from({ length: log.partitions }, (_, partition) => partition);
    const missing = only?.find((one) => !all.includes(one));
    if (missing !== undefined)
      throw usage(`there is no partition ${missing}; they are 0 to ${all.length - 1}`);
    const waiting = [...(only ?? all)];
    const display = new Display(waiting.length, json === true);
    const parts = { log, store, clock, worker: randomName(clock, "r") };
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await rebuild(parts, next, anew === true, (progress) => display.show(progress));
        display.done(next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    display.end();
  } finally {
    await lifetime.end();
  }
}

function partitionList(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || Number(first) > Number(last))
      throw usage(`${part} is no partition, as 3, or a range, as 8-15`);
    const from = first as number;
    return Array.from({ length: (last as number) - from + 1 }, (_, i) => from + i);
  });
}

/** One line that moves, where somebody looks on; else what was done in the end. */
class Display {
  readonly #partitions: number;
  readonly #json: boolean;
  readonly #startMs = performance.now();
  readonly #progress = new Map<number, RebuildProgress>();
  readonly #line: Progress;
  #done = 0;

  constructor(partitions: number, json: boolean) {
    this.#line = new Progress(!json);
    this.#partitions = partitions;
    this.#json = json;
  }

  get #records(): number {
    return [...this.#progress.values()].reduce((sum, { from, at }) => sum + at - from, 0);
  }

  show(progress: RebuildProgress): void {
    this.#progress.set(progress.partition, progress);
    const all = [...this.#progress.values()];
    const part = all.reduce(
      (sum, { from, at, to }) => sum + (at - from) / Math.max(1, to - from),
      0,
    );
    this.#line.move(
      part / this.#partitions,
      `${this.#done}/${this.#partitions} partitions, ${this.#records} records, ${this.#rate()}/s`,
    );
  }

  done(partition: number): void {
    this.#done += 1;
    const { from, to } = this.#progress.get(partition) as RebuildProgress;
    if (this.#json) process.stdout.write(`${JSON.stringify({ partition, from, to })}\n`);
  }

  end(): void {
    if (this.#json) return;
    this.#line.clear();
    const { user, system } = process.cpuUsage();
    const perCpuSecond = Math.round(this.#records / ((user + system) / 1e6));
    process.stdout.write(
      `rebuilt ${this.#partitions} partitions from ${this.#records} records, ${this.#rate()}/s, ${perCpuSecond} a second of CPU\n`,
    );
  }

  #rate(): number {
    return Math.round(this.#records / ((performance.now() - this.#startMs) / 1000));
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openEnvironment, readEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { systemClock } from "@millrace/shared/ports/clock";
import { isOperational } from "@millrace/shared/errors/operational";
import { expect, onTestFinished, test } from "vitest";
import { newDataFolder } from "../support/servers/run-folder.ts";

/** A folder's log is read beside the process that uses it, and nothing of it is changed by that. */

const holder = fileURLToPath(new URL("../support/log-holder.ts", import.meta.url));

class Holder {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(folder: string) {
    const args = ["--conditions=millrace:source", holder, folder];
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void this.#child.kill("SIGKILL"));
    const lines = createInterface(this.#child.stdout as NodeJS.ReadableStream);
    this.#answers = lines[Symbol.asyncIterator]();
  }

  static async open(folder: string): Promise<Holder> {
    const opened = new Holder(folder);
    expect((await opened.#answers.next()).value).toBe("done");
    return opened;
  }

  async tell(line: string): Promise<void> {
    this.#child.stdin?.write(`${line}\n`);
    expect((await this.#answers.next()).value).toBe("done");
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }
}

async function offsetsOf(log: LmdbLog, from: number): Promise<number[]> {
  const { end } = await log.bounds("journal", 0);
  const found: number[] = [];
  for await (const batch of log.read("journal", 0, from, end))
    found.push(...batch.map(({ offset }) => offset));
  return found;
}

const firstOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test("a log is read as it was when it was first looked at, while its process goes on", async () => {
  const folder = newDataFolder("beside");
  const process = await Holder.open(folder);
  await process.tell("append 3");
  const environment = await readEnvironment(folder);
  expect(environment.isBeside).toBe(true);
  const log = await LmdbLog.open(environment, systemClock, undefined);
  expect([log.partitions, await offsetsOf(log, 0)]).toEqual([2, firstOf(3)]);

  await process.tell("append 2");
  expect(await offsetsOf(log, 0)).toEqual(firstOf(3));
  await expect(log.append("journal", 1, [{ key: null, header: "{}", value: "x" }])).rejects.toThrow(
    /LOG-002/,
  );
  await log.close();
  await environment.close();

  const again = await readEnvironment(folder);
  expect(await offsetsOf(await LmdbLog.open(again, systemClock, undefined), 0)).toEqual(firstOf(5));
  await again.close();
});

test("what its process deletes meanwhile is said to be gone", async () => {
  const folder = newDataFolder("beside");
  const process = await Holder.open(folder);
  for (let i = 0; i < 7; i++) await process.tell("append 100");
  const environment = await readEnvironment(folder);
  const log = await LmdbLog.open(environment, systemClock, undefined);
  const batches = log.read("journal", 0, 0, 700)[Symbol.asyncIterator]();
  expect((await batches.next()).value).toHaveLength(500);
  await process.tell("truncate 600");
  const error = await batches.next().catch((thrown: unknown) => thrown);
  expect(isOperational(error, "LOG-006") && error.facts).toMatchObject({ wanted: 500, start: 600 });
  expect(await offsetsOf(log, 650)).toEqual(firstOf(700).slice(650));
  await environment.close();
});

test("its process may be killed and come back meanwhile", async () => {
  const folder = newDataFolder("beside");
  const first = await Holder.open(folder);
  await first.tell("append 3");
  const environment = await readEnvironment(folder);
  const log = await LmdbLog.open(environment, systemClock, undefined);
  expect(await offsetsOf(log, 0)).toEqual(firstOf(3));
  await first.kill();
  const second = await Holder.open(folder);
  await second.tell("append 1");
  expect(await offsetsOf(log, 0)).toEqual(firstOf(3));
  await environment.close();
  await second.kill();

  // Where nobody has it, the one who reads takes it: lmdb may have to repair what a power failure tore.
  const alone = await readEnvironment(folder);
  expect(alone.isBeside).toBe(false);
  await expect(openEnvironment(folder)).rejects.toThrow(/START-003/);
  expect(await offsetsOf(await LmdbLog.open(alone, systemClock, undefined), 0)).toEqual(firstOf(4));
  await alone.close();
});

test("one who comes before there is a log is told so", async () => {
  const folder = newDataFolder("beside");
  const owner = await openEnvironment(folder); // a process that has not made its log yet
  onTestFinished(() => owner.close());
  const environment = { ...owner, isBeside: true };
  await expect(LmdbLog.open(environment, systemClock, undefined)).rejects.toThrow(
    /START-004 .*there is no log in it yet/,
  );
});

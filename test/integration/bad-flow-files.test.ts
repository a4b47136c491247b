import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { embeddedInstallation, type MillraceProcess } from "../support/millrace.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/** A flow file with a fault is told of with its place, and changes nothing: what ran before goes on. */

const counting = fileURLToPath(new URL("flows/counting/counting.yaml", import.meta.url));

const faulty = `flow: faulty
inputs: { e: { topic: e } }
machine:
  initail: a
  states: { a: { on: { e: a } } }
`;

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = newDataFolder("flows");
  await copyFile(counting, join(folder, "counting.yaml"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const ERROR = 50;

function errorsOf({ log }: MillraceProcess): string[] {
  return log.filter(({ level }) => level >= ERROR).map(({ msg }) => msg);
}

/** Flows by name, as `GET /v1/flows` lists them. */
async function flowsOf(millrace: MillraceProcess) {
  const { items } = await millrace.get<{
    items: { name: string; version: string; retired: boolean }[];
  }>("/v1/flows");
  return Object.fromEntries(items.map(({ name, ...flow }) => [name, flow]));
}

async function works(device: CountingDevice): Promise<void> {
  await device.tick(`${device.acknowledged.length}`);
  await until(() => device.echoed.length >= device.acknowledged.length);
  expect(device.echoed).toEqual(device.acknowledged);
}

/** A device of the counting flow that is new to it. */
async function connected(millrace: MillraceProcess, name: string): Promise<CountingDevice> {
  const device = new CountingDevice(name);
  await device.connect(millrace.mqtt);
  return device;
}

test("files with faults do not keep the others from running", async () => {
  const folder = await folderWith({
    "faulty.yaml": faulty,
    "half.yaml": "flow: half\nmachine: {",
    "empty.yaml": "",
    "second.yaml": await readFile(counting, "utf8"),
    "notes.txt": "no flow at all",
  });
  const millrace = await embeddedInstallation(folder).start();
  await works(await connected(millrace, "d1"));
  expect(Object.keys(await flowsOf(millrace))).toEqual(["counting"]);
  const errors = errorsOf(millrace);
  const place = (file: string) => `${join(folder, file)}:`;
  expect(errors.filter((line) => line.startsWith(place("faulty.yaml")))).toEqual([
    expect.stringMatching(/faulty\.yaml:4:3 error machine\.initail: .* \[unknown-member\]$/),
  ]);
  expect(errors.filter((line) => line.startsWith(place("half.yaml")))).toEqual([
    expect.stringMatching(/half\.yaml:\d+:\d+ error .* \[syntax\]$/),
  ]);
  expect(errors.some((line) => line.startsWith(place("empty.yaml")))).toBe(true);
  expect(errors).toContain(
    `${place("second.yaml")} flow counting is in ${join(folder, "counting.yaml")} already; this file is passed over`,
  );
  expect(errors.join("\n")).not.toContain("notes.txt");
  expect(await millrace.stop()).toBe(0);
});

test("a file that becomes faulty while it runs leaves the version before it in force", async () => {
  const folder = await folderWith({ "other.yaml": "flow: other\nmachine: {}\n" });
  const file = join(folder, "counting.yaml");
  const text = await readFile(file, "utf8");
  const millrace = await embeddedInstallation(folder).start();
  const { counting: before, other } = await flowsOf(millrace);
  expect(other).toMatchObject({ retired: false });
  const old = await connected(millrace, "old");
  await works(old);

  await writeFile(file, text.replace("initial: busy", "initail: busy"));
  await rm(join(folder, "other.yaml"));
  const fault = new RegExp(`^${file}:\\d+:3 error machine\\.initail: .* \\[unknown-member\\]$`);
  await until(() => errorsOf(millrace).some((line) => fault.test(line)));
  await works(old);
  await works(await connected(millrace, "begun by the version before"));
  // While a file cannot be read, nobody knows whether it is the one that is missed.
  expect(await flowsOf(millrace)).toEqual({ counting: before, other });

  await writeFile(file, `description: Mended.\n${text}`);
  await until(async () => (await flowsOf(millrace))["other"]?.retired === true);
  const { counting: after } = await flowsOf(millrace);
  expect(after).toMatchObject({ retired: false, description: "Mended." });
  const young = await connected(millrace, "young");
  await works(young);
  await works(old);
  const versionOf = async (name: string) => (await millrace.instance("counting", name))?.version;
  await until(async () => (await versionOf("young")) !== undefined);
  expect(await versionOf("young")).toBe(after?.version);
  expect(await versionOf("old")).toBe(before?.version);
  expect(await millrace.stop()).toBe(0);
});

test("a folder that cannot be read any more leaves all versions in force", async () => {
  const folder = await folderWith({});
  const millrace = await embeddedInstallation(folder).start();
  const before = await flowsOf(millrace);
  const device = await connected(millrace, "d1");
  await works(device);
  await mkdir(join(folder, "a-folder.yaml"));
  const failed = () => millrace.log.find(({ msg }) => msg === "flows could not be read again");
  await until(() => failed() !== undefined);
  expect(failed()?.["why"]).toMatch(/^FLOW-001 .*a-folder\.yaml cannot be read: EISDIR/);
  await works(device);
  expect(await flowsOf(millrace)).toEqual(before);
  expect(await millrace.stop()).toBe(0);
});

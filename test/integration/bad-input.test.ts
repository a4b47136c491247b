import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Rejected, RejectionCode } from "@millrace/shared/contract/journal-record";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { parseRegistryRecord } from "@millrace/shared/contract/registry-record";
import type { NewRecord } from "@millrace/shared/ports/event-log";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { onLog } from "../support/log.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
  runMillrace,
  sharedProcess,
  type TestInstallation,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { until } from "../support/until.ts";

/**
 * What cannot be taken gets the answer that docs/flows.md gives it, can be seen, and stands in nobody's
 * way, its own device least of all.
 */

const flows = fileURLToPath(new URL("flows/trap", import.meta.url));

const forms: readonly { form: string; open: (flows: string) => TestInstallation }[] = [
  { form: "embedded", open: embeddedInstallation },
  {
    form: "on Kafka and Redis",
    open: (folder) =>
      clusterInstallation(folder, { kafka: kafkaForTests(), redis: redisForTests() }),
  },
];

interface BadEvent {
  readonly what: string;
  /** `tick` and `trap` are the inputs of the flow. */
  readonly input: "tick" | "trap";
  readonly payload: string | Buffer;
  readonly code: RejectionCode;
  readonly detail: string;
}

/** A trap springs `how` it is told to. */
const trap = (how: string, more: object = {}): Pick<BadEvent, "input" | "payload"> => ({
  input: "trap",
  payload: JSON.stringify({ how, ...more }),
});

const badEvents: readonly BadEvent[] = [
  {
    what: "a payload that is not JSON",
    ...{ input: "tick", payload: "{broken", code: "bad-payload" },
    detail: "the payload is not JSON: ",
  },
  {
    what: "an empty payload",
    ...{ input: "tick", payload: "", code: "bad-payload" },
    detail: "the payload is not JSON: ",
  },
  {
    what: "a payload of bytes that are no text",
    ...{ input: "tick", payload: Buffer.from([0xff, 0x00, 0xfe]), code: "bad-payload" },
    detail: "the payload is not JSON: ",
  },
  {
    what: "a member that is of another type than the schema says",
    ...{ input: "tick", payload: '{"id":7}', code: "schema" },
    detail: "payload.id must be string",
  },
  {
    what: "a member that the schema asks for and that is missing",
    ...{ input: "tick", payload: "{}", code: "schema" },
    detail: "payload must have required property 'id'",
  },
  {
    what: "JSON that is no object, where the schema wants one",
    ...{ input: "tick", payload: "null", code: "schema" },
    detail: "payload must be object",
  },
  {
    what: "a guard that reads a member that is missing",
    ...{ ...trap("guard"), code: "expression" },
    detail: "No such key: nowhere",
  },
  {
    what: "a guard that gives neither true nor false",
    ...{ ...trap("no truth"), code: "expression" },
    detail: 'gave "no truth", not true or false',
  },
  {
    what: "an assignment of what is no number",
    ...{ ...trap("assign"), code: "expression" },
    detail: "the result is Infinity, not a number",
  },
  {
    what: "an `always` cycle that does not end",
    ...{ ...trap("spin"), code: "microsteps" },
    detail: "more than 1000 microsteps",
  },
  {
    what: "an event that raises itself for ever",
    ...{ ...trap("raise"), code: "microsteps" },
    detail: "more than 1000 microsteps",
  },
  {
    what: "a context over 64 KiB",
    ...{ ...trap("grow"), code: "context-too-big" },
    detail: "65536 is the most",
  },
  {
    what: "a step of more than 100 effects",
    ...{ ...trap("chatter"), code: "too-many-effects" },
    detail: "a step has at most 100 effects",
  },
  {
    what: "a step over 512 KiB",
    ...{ ...trap("shout", { loud: "x".repeat(60_000) }), code: "step-too-big" },
    detail: "524288 is the most",
  },
  {
    what: "a command to a topic with a wildcard",
    ...{ ...trap("astray", { to: "+" }), code: "bad-effect" },
    detail: "a topic to publish to has no wildcards",
  },
  {
    what: "a key of more than 256 bytes",
    ...{ ...trap("key", { key: "k".repeat(257) }), code: "bad-key" },
    detail: "`key` has more than 256 bytes",
  },
];

let devices = 0;

describe.each(forms)("$form:", ({ open }) => {
  const shared = sharedProcess(() => open(flows));

  const connected = async (): Promise<CountingDevice> => {
    devices += 1;
    const device = new CountingDevice(`d${devices}`);
    await device.connect(shared().mqtt);
    return device;
  };

  test.each(badEvents)(
    "$what is rejected as $code, and the device's next event is taken",
    async (bad) => {
      const millrace = shared();
      const device = await connected();
      await device.tick("before");
      const before = await settled(millrace, device);
      const { engine } = await millrace.readiness();

      await device.publish(`count/${device.name}/${bad.input}`, bad.payload);
      const rejected = await rejection(millrace, device, bad.code);
      expect(rejected.detail).toContain(bad.detail);
      expect(rejected.cause).toMatchObject({ kind: "device", type: bad.input });
      expect(rejected.payload).toEqual(payloadShown(bad.payload));
      const { state, context } = before;
      expect(await millrace.instance("trap", device.name)).toMatchObject({ state, context });

      await device.tick("after");
      const { context: then } = await settled(millrace, device);
      expect(then).toEqual({ ...context, events: ["before", "after"] });
      expect(device.echoed).toEqual(["before", "after"]);
      const after = await millrace.readiness();
      expect(after).toMatchObject({ status: "ready", reasons: [] });
      expect(after.engine.rejected).toBe(engine.rejected + 1);
    },
  );

  test("a first event that is rejected begins nothing; the next one does", async () => {
    const millrace = shared();
    const device = await connected();
    await device.publish(`count/${device.name}/tick`, "{broken");
    await rejection(millrace, device, "bad-payload");
    expect(await millrace.instance("trap", device.name)).toBeUndefined();
    await device.tick("first");
    const { context } = await settled(millrace, device);
    expect(context["events"]).toEqual(["first"]);
  });

  test("an event of a thing without a name is rejected as bad-thing", async () => {
    const millrace = shared();
    const device = await connected();
    await device.publish("count//tick", '{"id":"nobody"}');
    const { detail } = await rejection(millrace, device, "bad-thing");
    expect(detail).toBe("`thing` came out empty");
    await device.tick("somebody");
    await settled(millrace, device);
  });

  test("a timer whose guard cannot be worked out is rejected once, and is gone", async () => {
    const millrace = shared();
    const device = await connected();
    await device.tick("before");
    await device.publish(`count/${device.name}/trap`, '{"how":"wait"}');
    const rejected = await rejection(millrace, device, "expression");
    expect(rejected.detail).toContain("No such key: never");
    expect(rejected.cause.kind).toBe("timer");
    await device.tick("after");
    expect(await settled(millrace, device)).toMatchObject({
      state: "waiting",
      timers: [],
      context: { events: ["before", "after"] },
    });
    const all = await allRejections(millrace);
    expect(all.filter(({ key }) => key === device.name)).toHaveLength(1);
  });

  test("a signal that is rejected is listed like a device's event", async () => {
    const millrace = shared();
    const device = await connected();
    await device.tick("before");
    await settled(millrace, device);
    const options = { env: { MILLRACE_URL: millrace.http } };
    const to = ["trap", device.name, "trap", "--payload", '{"how":"guard"}'];
    const signalled = await runMillrace(["instance", "signal", ...to], options);
    expect(signalled).toMatchObject({ code: 0, stderr: "" });
    const { cause, payload } = await rejection(millrace, device, "expression");
    expect([cause.kind, payload]).toEqual(["signal", { how: "guard" }]);
    await device.tick("after");
    await settled(millrace, device);

    const listed = await runMillrace(["rejected", "list", "--flow", "trap"], options);
    expect(listed.stdout).toMatch(
      new RegExp(`trap +${device.name} +expression +No such key: nowhere`),
    );
    const others = await runMillrace(["rejected", "list", "--flow", "other"], options);
    expect(others).toMatchObject({ code: 0, stdout: "nothing was rejected\n" });
  });
});

test.each(forms)(
  "$form: an instance of a version that the registry has lost waits for it, and foreign records are shown",
  async ({ open }) => {
    const folder = newDataFolder("flows");
    const file = join(folder, "trap.yaml");
    await copyFile(join(flows, "trap.yaml"), file);
    const installation = open(folder);
    const old = new CountingDevice("old");
    const first = await installation.start();
    await old.connect(first.mqtt);
    await old.tick("before");
    const before = await settled(first, old);
    await old.close();
    await first.stop();

    await loseFlows(installation);
    await appendForeign(installation, old.name);
    const text = await readFile(file, "utf8");
    await writeFile(file, `description: Another version.\n${text}`);
    const second = await installation.start();
    await until(async () => (await malformed(second)).length === foreignHeaders.length);
    expect((await malformed(second)).map(({ detail }) => detail).sort()).toEqual([
      expect.stringMatching(/^header kind: /),
      expect.stringMatching(/^header v: /),
      "the record has no millrace header of JSON",
    ]);

    await old.connect(second.mqtt);
    await old.publish("count/old/tick", '{"id":"lost"}');
    const rejected = await rejection(second, old, "unknown-version");
    expect(rejected.detail).toBe(`flow version ${before.version} is not in the registry`);
    expect(rejected.payload).toEqual({ id: "lost" });
    const { state, context, version } = before;
    expect(await second.instance("trap", "old")).toMatchObject({ state, context, version });
    const young = new CountingDevice("young");
    await young.connect(second.mqtt);
    await young.tick("new");
    expect((await settled(second, young)).version).not.toBe(before.version);

    // The way out: the file as it was. Only its content counts.
    await writeFile(file, text);
    await until(() => published(second).includes(before.version));
    await old.tick("after");
    expect(await settled(second, old)).toMatchObject({
      version: before.version,
      context: { events: ["before", "after"] },
    });
    expect(await second.readiness()).toMatchObject({ status: "ready", reasons: [] });
    await second.stop();
  },
);

/** Headers of records of `events` that no version of ours wrote. */
const foreignHeaders = [
  "hello",
  '{"v":2,"kind":"device","ns":"default","w":"x","n":1,"topic":"count/old/tick","client":"x","qos":1}',
  '{"v":1,"kind":"doorbell","ns":"default","w":"x","n":1}',
];

async function appendForeign(installation: TestInstallation, thing: string): Promise<void> {
  const key = logKey("default", thing);
  const records = foreignHeaders.map((header) => ({ key, header, value: '{"id":"foreign"}' }));
  await onLog(installation, (log) =>
    log.append("events", partitionOf(key, log.partitions), records),
  );
}

/** Sets the registry back to before the first flow: only what says which log it is, is kept. */
async function loseFlows(installation: TestInstallation): Promise<void> {
  await onLog(installation, async (log) => {
    const { start, end } = await log.bounds("registry", 0);
    const kept: NewRecord[] = [];
    for await (const batch of log.read("registry", 0, start, end)) {
      for (const { key, header = "", value } of batch)
        if (parseRegistryRecord(value)?.kind === "log") kept.push({ key, header, value });
    }
    await log.truncate("registry", 0, end);
    if (kept.length > 0) await log.append("registry", 0, kept);
  });
}

/** Versions that a process said to have published. */
function published({ log }: MillraceProcess): unknown[] {
  return log.filter(({ msg }) => msg === "flow changed").map(({ version }) => version);
}

/** The instance of a device once it has taken all that was acknowledged, and answered it. */
async function settled(
  millrace: MillraceProcess,
  { name, acknowledged, echoed }: CountingDevice,
): Promise<Instance> {
  let instance: Instance | undefined;
  await until(async () => {
    instance = await millrace.instance("trap", name);
    const events = (instance?.context["events"] ?? []) as readonly string[];
    return events.length === acknowledged.length && echoed.length >= acknowledged.length;
  });
  return instance as Instance;
}

async function allRejections(millrace: MillraceProcess): Promise<readonly Rejected[]> {
  return (await millrace.get<{ items: Rejected[] }>("/v1/rejected?limit=500")).items;
}

/** Waits until a device's event, or one of nobody's, was rejected. */
async function rejection(
  millrace: MillraceProcess,
  { name }: CountingDevice,
  code: RejectionCode,
): Promise<Rejected> {
  let found: Rejected | undefined;
  await until(async () => {
    const all = await allRejections(millrace);
    found = all.find((one) => one.code === code && (one.key ?? name) === name);
    return found !== undefined;
  });
  return found as Rejected;
}

async function malformed(millrace: MillraceProcess): Promise<readonly Rejected[]> {
  return (await allRejections(millrace)).filter(({ code }) => code === "malformed-record");
}

/** As a rejection keeps it: JSON where it is JSON, else its bytes. */
function payloadShown(payload: string | Buffer): unknown {
  try {
    return JSON.parse(payload.toString()) as unknown;
  } catch {
    return { base64: Buffer.from(payload).toString("base64") };
  }
}

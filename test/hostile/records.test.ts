import * as fc from "fast-check";
import { logKey } from "@millrace/shared/contract/names";
import { compilePublished } from "@millrace/shared/flow/load";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { settle } from "../support/sim-clock.ts";
import { bent, draws, hostileBytes, hostileText } from "./draws.ts";

// How long it takes depends on how much is drawn, and by how busy a machine.
vi.setConfig({ testTimeout: 600_000 });

/**
 * Records that somebody wrote straight into the log. What an input cannot be is a rejection; whatever
 * it is, the next event of a device in the same partition is taken.
 */

const flow = `
flow: probe
key: "\${thing.name}"
inputs:
  keep: { topic: probe/+/keep, thing: "\${topic[1]}", id: "\${event.?id.orValue('')}" }
  loose: { topic: "loose/#" }
  raw: { topic: "raw/+", thing: "\${topic[1]}", format: text }
commands:
  light: { topic: "probe/\${thing.name}/light" }
machine:
  context: { kept: 0, other: null }
  on:
    keep:
      actions:
        - assign: { kept: "event.n" }
        - command: light
    loose: { actions: { assign: { other: event.payload } } }
    raw: { actions: { assign: { other: event.payload } } }
    told: { actions: { assign: { other: event.payload } } }
    delivered.light: {}
`;

let dispatched: DispatchedWorld;
let n = 0;

beforeEach(async () => {
  dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
  await dispatched.world.publish("probe/p1/keep", { n: 0 });
});
afterEach(() => dispatched.crash());

async function append(
  topic: "events" | "journal" | "registry",
  record: { header: string; value: Buffer | null; key?: string | null },
) {
  const { key = null, header, value } = record;
  await dispatched.world.process.log.append(topic, 0, [{ key, header, value: value as never }]);
  await settle();
}

/** The device's next event is taken, and nobody had to be told of a fault of ours. */
async function expectAlive(device = "p1"): Promise<void> {
  const { world } = dispatched;
  n += 1;
  await world.publish(`probe/${device}/keep`, { n });
  await dispatched.rest();
  expect(world.lines.filter((line) => line.startsWith("error"))).toEqual([]);
  const last = world.logs
    .all("journal", 0)
    .findLast(
      ({ key, header }) => key === `default/${device}` && header?.includes('"kind":"step"'),
    );
  expect(JSON.parse(String(last?.value))).toMatchObject({ instance: { context: { kept: n } } });
}

const stamped = { v: 1, ns: "default", w: "somebody", n: 1 };
const to = { flow: "probe", key: "p1" };
const effect = "default/probe/p1/0/1/0";
const parkedEffect = {
  kind: "command",
  name: "light",
  thing: "p1",
  topic: "probe/p1/light",
  payload: 1,
  format: "json",
  qos: 1,
  supersede: true,
  owed: false,
  index: 0,
  verdict: { allow: true, by: "x" },
};
const headers = [
  {
    ...stamped,
    kind: "device",
    topic: "probe/p1/keep",
    client: "c",
    qos: 1,
    thing: "p1",
    props: {},
    at: 5,
  },
  { ...stamped, kind: "device", topic: "loose/x", client: "p1", qos: 1 },
  { ...stamped, kind: "signal", ...to, type: "told", id: "i", effect: "e" },
  { ...stamped, kind: "result", ...to, effect, outcome: "delivered" },
  { ...stamped, kind: "parked", ...to, effect },
];
const values = fc.oneof(
  hostileBytes,
  bent({ n: 1 }).map(json),
  bent(parkedEffect).map(json),
  fc.constant(null),
);

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const eventHeader = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .constantFrom(...headers)
      .chain((one) => bent(one))
      .map((one) => JSON.stringify(one)),
  },
  { weight: 1, arbitrary: hostileText },
);

describe("records of ten thousand writers", () => {
  test.each(["loose/x", "nobody/listens"])(
    "for %s stop nothing, nor who owns the partition next",
    async (topic) => {
      await dispatched.crash();
      const engine = { retentionCheckMs: 500, checkpointRecordsMin: 12, checkpointRatio: 1 };
      dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1, engine });
      const { world } = dispatched;
      const headerOf = (w: string) =>
        JSON.stringify({ ...stamped, w, kind: "device", topic, client: "p1", qos: 1 });
      for (let at = 0; at < 10_000; at += 500) {
        const names = Array.from({ length: 500 }, (_, i) => `${at + i}-`.padEnd(64, "x"));
        const records = names.map((w) => ({ key: null, header: headerOf(w), value: "{}" }));
        await world.process.log.append("events", 0, records);
      }
      await append("events", { header: headerOf("y".repeat(65)), value: json({}) });
      await settle();
      for (let i = 0; i < 30; i++) {
        await expectAlive();
        await world.advance(200);
      }
      await dispatched.crash();
      await expectAlive();
      const journal = world.logs.all("journal", 0);
      const sizes = journal.map(({ header, value }) => (header + String(value)).length);
      expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
      const checkpoints = journal.filter(({ header }) => header?.includes("checkpoint"));
      expect(checkpoints.length).toBeGreaterThan(0);
      expect(world.rejections().map(({ code }) => code)).toEqual(["malformed-record"]);
    },
  );
});

describe("a record of `events`", () => {
  test("of any kind, bent in any way, stops nothing", async () => {
    let writers = 0;
    const records = fc.array(fc.tuple(eventHeader, values), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(records, async (all) => {
        for (const [header, value] of all) {
          writers += 1; // a number that is too high makes all that follow of its writer repeats
          await append("events", { header: header.replace('"w":"', `"w":"${writers}-`), value });
        }
        await expectAlive();
      }),
      draws(300),
    );
  });
});

const RECORD_BYTES_MAX = 4 * 1024 * 1024;

describe("a record of `events` as large as a record may be", () => {
  const device = { ...stamped, kind: "device", topic: "raw/p1", client: "c", qos: 1 };
  test.each<[what: string, header: object, value: Buffer]>([
    ["a text that is longer as JSON", device, Buffer.alloc(3_000_000, 1)],
    ["a client's name", { ...device, client: "x".repeat(3_000_000) }, Buffer.from("x")],
    ["a signal's type", { ...headers[2], type: "x".repeat(3_000_000) }, Buffer.from("{}")],
  ])("%s is rejected, and the rejection fits into the journal", async (_, header, value) => {
    await append("events", { header: JSON.stringify(header), value });
    await expectAlive();
    const { world } = dispatched;
    expect(world.rejections()).toHaveLength(1);
    for (const record of world.logs.all("journal", 0))
      expect(record.value?.length ?? 0).toBeLessThan(RECORD_BYTES_MAX);
  });
});

/** Of the journal's owner: the epoch, and the number that counts next. */
function owner(): { e: number; n: number } {
  let now = { e: -1, n: 0 };
  for (const { offset, header } of dispatched.world.logs.all("journal", 0)) {
    const { kind, e, n } = JSON.parse(header ?? "{}") as { kind?: string; e?: number; n?: number };
    if (kind === "claim") now = { e: offset, n: 0 };
    else if (e === now.e && n === now.n + 1) now = { e, n };
  }
  return { e: now.e, n: now.n + 1 };
}

/** The owner has noticed that somebody else has written, and claimed anew, unless it had to stop. */
async function claimedAnew(): Promise<void> {
  await dispatched.world.publish("probe/p1/keep", { n: 0 }).catch(() => {});
  for (let i = 0; i < 3; i++) await dispatched.world.advance(600);
}

function stops(): string[] {
  const { lines } = dispatched.world;
  expect(lines.filter((line) => line.includes('"stack"'))).toEqual([]);
  return lines.filter((line) => line.startsWith("error"));
}

const kinds = ["step", "rejected", "refresh", "checkpoint", "mark", "claim"];

describe("a record of `journal` that somebody else wrote", () => {
  test.each([
    ["without a header", () => ""],
    ["with bytes for a header", () => "\u0000\u0001{"],
    ["of an epoch that never was", () => JSON.stringify({ v: 1, kind: "step", e: 4_000, n: 1 })],
    ["of no epoch", () => JSON.stringify({ v: 1, kind: "step", n: owner().n })],
    [
      "with a number that came before",
      () => JSON.stringify({ v: 1, kind: "step", ...owner(), n: 1 }),
    ],
    ["with half a number", () => JSON.stringify({ v: 1, kind: "step", ...owner(), n: 1.5 })],
    ["of a version that is not ours", () => JSON.stringify({ v: 2, kind: "step", ...owner() })],
    ["that claims the partition", () => JSON.stringify({ v: 1, kind: "claim", n: 0 })],
  ])("%s is void, or costs a claim", async (_, header) => {
    await append("journal", { header: header(), value: Buffer.from("{") });
    await claimedAnew();
    await expectAlive();
  });

  test("with a number that is too high stops the partition: records seem to be missing", async () => {
    await append("journal", {
      header: JSON.stringify({ v: 1, kind: "step", e: owner().e, n: 2 ** 50 }),
      value: null,
    });
    await claimedAnew();
    expect(stops()).toEqual([
      expect.stringMatching(/not dispatched any more.*journal\/0: records are missing before \d+/),
      expect.stringMatching(/partition stopped.*journal\/0: records are missing before \d+/),
    ]);
  });

  test.each(["step", "rejected", "refresh", "checkpoint"])(
    "stops the partition when it counts, and is no %s: the line says which record, and why not",
    async (kind) => {
      const header = JSON.stringify({ v: 1, kind, fx: ["command"], ...owner() });
      await append("journal", { header, value: Buffer.from('{"instance":{"ns":7}}') });
      await claimedAnew();
      const lines = stops();
      expect(lines.at(-1)).toMatch(
        new RegExp(`partition stopped.*journal/0 has a ${kind} at \\d+ that cannot be read: `),
      );
      expect(lines).toHaveLength(kind === "step" ? 2 : 1); // a dispatcher opens steps only
    },
  );

  test("of any kind, bent in any way, is void, or is told with a code", async () => {
    const step = dispatched.world.steps("probe/p1").at(-1);
    const value = fc.oneof(
      hostileBytes,
      bent({ ...step }).map(json),
      bent({ ...step?.instance }).map((instance) => json({ ...step, instance })),
    );
    const header = fc
      .tuple(fc.constantFrom(...kinds), fc.boolean())
      .chain(([kind, counts]) =>
        counts
          ? fc.constant({ v: 1, kind, fx: ["command"] })
          : bent({ v: 1, kind, e: 0, n: 1, fx: ["x"] }),
      );
    await fc.assert(
      fc.asyncProperty(header, value, async (drawn, bytes) => {
        dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
        await dispatched.world.publish("probe/p1/keep", { n: 0 });
        await append("journal", {
          key: logKey("default", "p1"),
          header: JSON.stringify({ ...owner(), ...drawn }),
          value: bytes,
        });
        await claimedAnew();
        const told = stops();
        for (const line of told)
          expect(line).toMatch(
            /cannot be read: |records are missing before|not in the registry|flow version/,
          );
        // A step in the right shape is believed: what it says of its instance holds.
        if (told.length === 0) await expectAlive("p2");
        await dispatched.crash();
      }),
      draws(60),
    );
    dispatched = await DispatchedWorld.open({ flows: [], partitions: 1 });
  });
});

function versionOf(file: object): string {
  try {
    return compilePublished(file as never).version;
  } catch {
    return "none";
  }
}

describe("a record of `registry` that somebody else wrote", () => {
  test("bent in any way, is passed over or told, and what runs goes on", async () => {
    const file = {
      flow: "other",
      inputs: { go: { topic: "other/+" } },
      machine: { initial: "a", states: { a: { on: { go: "b" }, entry: { log: "x" } }, b: {} } },
    };
    const record = { v: 1, kind: "flow", ns: "default", name: "other", version: "x", origin: "o" };
    const records = fc.oneof(
      bent(file).map((one) => ({ ...record, version: versionOf(one), file: one })),
      bent(file).chain((one) => bent({ ...record, file: one })),
      bent(file.machine).chain((machine) => bent({ ...record, file: { ...file, machine } })),
      fc.constantFrom(
        { ...record, kind: "retired" },
        { v: 1, kind: "log", id: "another", partitions: 4 },
      ),
    );
    await fc.assert(
      fc.asyncProperty(records.map(json), hostileText, async (value, header) => {
        await append("registry", { header, value });
        const { lines } = dispatched.world;
        // Told of by the flow's name, in one line.
        for (const line of lines.splice(0)) expect(line).toMatch(/^(debug|error .*@.*: .*)/s);
        await expectAlive();
      }),
      draws(150),
    );
  });

  test("under the name of another version is not taken for it", async () => {
    const { world } = dispatched;
    const { version } = world.process.catalogue.entries()[0]?.flow ?? {};
    const file = { flow: "other", machine: { on: { keep: {} } } };
    for (const [name, of] of [
      ["other", "not-its-hash"],
      ["another", version],
    ]) {
      const record = { v: 1, kind: "flow", ns: "default", name, version: of, file, origin: "o" };
      await append("registry", { header: "{}", value: json(record) });
    }
    expect(world.lines.filter((line) => line.startsWith("error"))).toEqual([
      expect.stringMatching(/^error default\/other@not-its-hash: the record's flow is another one/),
      expect.stringMatching(/^error default\/another@.*: the record's flow is another one/),
    ]);
    world.lines.length = 0;
    await expectAlive();
  });
});

import { type EventHeader, parseEventHeader } from "@millrace/shared/contract/event-record";
import { describe, expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import type { World } from "../support/world.ts";

/**
 * Commands on their way to devices.
 *
 * Attacks: U1, U2 and U3 of under-way.ts; C1 and C2 of commands.ts.
 */

/** What becomes of each command is heard, and kept in the context. */
const attentive = `
flow: lamp
inputs:
  turn: { topic: lamp/+/turn, thing: "\${topic[1]}" }
commands:
  level: { topic: "lamp/\${thing.name}/level", expires: 10s }
machine:
  context: { heard: [] }
  on:
    turn: { actions: { command: level, payload: "\${event.to}" } }
    delivered.level: { actions: { assign: { heard: "context.heard + ['delivered ' + event.effect]" } } }
    refused.level: { actions: { assign: { heard: "context.heard + ['refused ' + string(event.code)]" } } }
    expired.level: { actions: { assign: { heard: "context.heard + ['expired']" } } }
    superseded.level: { actions: { assign: { heard: "context.heard + ['superseded by ' + event.by]" } } }
`;

/** Nobody waits for what becomes of its commands. */
const careless = `
flow: lamp
inputs:
  turn: { topic: lamp/+/turn, thing: "\${topic[1]}" }
  ring: { topic: lamp/+/ring, thing: "\${topic[1]}" }
commands:
  level: { topic: "lamp/\${thing.name}/level", qos: 0, expires: 10s }
  flash: { topic: "lamp/\${thing.name}/flash", expires: 500ms, format: bytes }
  chime: { topic: "lamp/\${thing.name}/chime", supersede: false, format: text }
machine:
  on:
    turn: { actions: [{ command: level, payload: "\${event.to}" }, { command: flash, payload: AP8= }] }
    ring: { actions: { command: chime, payload: "ring \${event.times}" } }
`;

async function open(flow: string, device?: string) {
  const dispatched = await DispatchedWorld.open({ flows: [flow] });
  if (device !== undefined) dispatched.devices.become(device);
  const { world, devices } = dispatched;
  return {
    ...{ dispatched, world, devices },
    turn: async (to: number, lamp = "l1"): Promise<void> => {
      await world.publish(`lamp/${lamp}/turn`, { to });
      await dispatched.rest();
    },
    /** What was handed over: the last part of its topic, and its payload. */
    received: () => devices.received.map(({ topic, payload }) => `${topic} ${payload.toString()}`),
    heard: (lamp = "l1") => world.instance(`lamp/${lamp}`).context["heard"],
    causes: () => world.steps("lamp/l1").map(({ cause }) => cause.type),
    counters: () => dispatched.dispatcher.counters,
    /** Results and the like that the dispatcher wrote. */
    written: (): string[] =>
      eventHeaders(world).flatMap(({ kind }) => (kind === "device" ? [] : [kind])),
    /** Of the records of one kind in `events`, each once. */
    traces: (kind: EventHeader["kind"]) =>
      new Set(eventHeaders(world).flatMap((one) => (one.kind === kind ? [one.trace] : []))),
  };
}

function eventHeaders({ logs }: World): EventHeader[] {
  const partitions = Array.from({ length: logs.partitions }, (_, partition) => partition);
  return partitions
    .flatMap((partition) => logs.all("events", partition))
    .map(({ header }) => parseEventHeader(header))
    .filter((header) => "kind" in header);
}

describe("a command to a device that is there", () => {
  test("is delivered once, and heard of where the flow handles it", async () => {
    const { turn, devices, heard, causes, world, counters } = await open(attentive, "online");
    await turn(30);
    const id = "default/lamp/l1/0/1/0";
    expect(devices.received).toEqual([
      { ns: "default", topic: "lamp/l1/level", payload: Buffer.from("30"), qos: 1, id },
    ]);
    expect(heard()).toEqual([`delivered ${id}`]);
    expect(causes()).toEqual(["turn", "delivered.level"]);
    expect(world.instance("lamp/l1").owed).toBeUndefined();
    await world.advance(60_000);
    expect(devices.received).toHaveLength(1);
    expect(counters()).toMatchObject({ delivered: 1, parked: 0, dropped: 0 });
  });

  test("leaves no trace but its step where nobody waits for it", async () => {
    const { turn, world, written, received, causes, counters } = await open(careless, "online");
    await turn(30);
    await world.publish("lamp/l1/ring", { times: 2 });
    await world.advance(60_000);
    expect(received()).toEqual([
      "lamp/l1/level 30",
      "lamp/l1/flash \0\ufffd",
      "lamp/l1/chime ring 2",
    ]);
    expect(causes()).toEqual(["turn", "ring"]);
    expect(written()).toEqual([]);
    expect(counters()).toMatchObject({ delivered: 3, parked: 0 });
  });

  test("comes again, under the same id, when the dispatcher dies before it says how far it is", async () => {
    const { turn, dispatched, devices, heard } = await open(attentive, "online");
    await turn(30);
    await dispatched.crash();
    const ids = devices.received.map(({ id }) => id);
    expect(ids).toEqual(["default/lamp/l1/0/1/0", "default/lamp/l1/0/1/0"]);
    expect(heard()).toEqual(["delivered default/lamp/l1/0/1/0"]);
  });

  test("does not come again once the bookmark is behind it", async () => {
    const { turn, dispatched, world, devices } = await open(attentive, "online");
    await turn(30);
    await world.advance(2_000);
    await dispatched.crash();
    expect(devices.received).toHaveLength(1);
  });
});

describe("a command to a device that is away", () => {
  test("waits, is put aside after a second, and is delivered when the device comes", async () => {
    const { turn, dispatched, world, devices, heard, causes, counters } = await open(attentive);
    await turn(30);
    await world.advance(999);
    expect(causes()).toEqual(["turn"]);
    await world.advance(1);
    expect(causes()).toEqual(["turn", "parked"]);
    devices.become("online");
    await dispatched.rest();
    expect(causes()).toEqual(["turn", "parked", "delivered.level"]);
    expect(heard()).toEqual(["delivered default/lamp/l1/0/1/0"]);
    expect(counters()).toMatchObject({ delivered: 1, parked: 1 });
  });

  test("is found in the store by the next dispatcher, past whose bookmark it is", async () => {
    const { turn, dispatched, world, devices, received, causes, traces } = await open(careless);
    await world.publish("lamp/l1/ring", { times: 1 });
    await turn(30);
    await world.advance(5_000);
    await dispatched.crash();
    devices.become("online");
    await world.advance(1_000);
    // The flash was for half a second.
    expect(received().sort()).toEqual(["lamp/l1/chime ring 1", "lamp/l1/level 30"]);
    expect(causes().filter((cause) => cause.startsWith("delivered."))).toHaveLength(2);
    expect(world.instance("lamp/l1").owed).toBeUndefined();
    expect(traces("result")).toEqual(traces("device"));
  });

  test("is offered again to one that was gone before it had it", async () => {
    const { turn, world, devices, received, heard } = await open(attentive, "vanishes");
    await turn(30);
    devices.become("offline");
    await world.advance(4_999);
    devices.become("online");
    await world.advance(1);
    expect(received()).toEqual(["lamp/l1/level 30", "lamp/l1/level 30"]);
    expect(heard()).toEqual(["delivered default/lamp/l1/0/1/0"]);
  });
});

describe("more commands than an instance can keep", () => {
  test("wait in the dispatcher, and the device's events are taken all the same", async () => {
    const { dispatched, world, devices, received } = await open(careless);
    const rings = Array.from({ length: 300 }, (_, i) => i + 1);
    for (const times of rings) await world.publish("lamp/l1/ring", { times });
    await world.advance(60_000);
    expect(world.rejections()).toEqual([]);
    const { owed = {} } = world.instance("lamp/l1");
    expect(JSON.stringify(owed).length).toBeLessThanOrEqual(32 * 1_024);
    expect(Object.keys(owed).length).toBeGreaterThan(20);
    await dispatched.crash();
    devices.become("online");
    await world.advance(20_000);
    const heard = new Set(received().filter((one) => one.includes("chime")));
    expect([...heard].toSorted()).toEqual(rings.map((n) => `lamp/l1/chime ring ${n}`).toSorted());
    expect(world.instance("lamp/l1").owed).toBeUndefined();
  });
});

describe("a command that is refused", () => {
  test("tells the flow the code", async () => {
    const { turn, heard, world, counters } = await open(attentive, "refuses 135");
    await turn(30);
    expect(heard()).toEqual(["refused 135"]);
    expect(world.rejections()).toEqual([]);
    expect(counters().refused).toBe(1);
  });

  test("is shown to operators where the flow does not handle it, and the next one is sent", async () => {
    const { turn, dispatched, devices, world, received } = await open(careless, "refuses 135");
    await turn(30);
    expect(world.rejections()).toMatchObject([
      { code: "effect-failed", key: "l1", payload: { code: 135 } },
      { code: "effect-failed", key: "l1", payload: { code: 135 } },
    ]);
    devices.become("online");
    await turn(40);
    await dispatched.rest();
    expect(received()).toContain("lamp/l1/level 40");
    expect(world.rejections()).toHaveLength(2);
  });

  test("is delivered where another subscriber takes it", async () => {
    const { turn, devices, heard } = await open(attentive, "refuses 135");
    devices.become("online", "another");
    await turn(30);
    expect(heard()).toEqual(["delivered default/lamp/l1/0/1/0"]);
  });

  test("after it was put aside is refused all the same", async () => {
    const { turn, dispatched, world, devices, causes, heard } = await open(attentive);
    await turn(30);
    await world.advance(3_000);
    devices.become("refuses 151");
    await dispatched.rest();
    expect(causes()).toEqual(["turn", "parked", "refused.level"]);
    expect(heard()).toEqual(["refused 151"]);
  });
});

describe("a newer command of the same name", () => {
  test("supersedes the one that is not delivered yet", async () => {
    const { turn, dispatched, devices, received, heard, counters } = await open(attentive);
    await turn(30);
    await turn(80);
    const newer = "default/lamp/l1/0/2/0";
    expect(heard()).toEqual([`superseded by ${newer}`]);
    devices.become("online");
    await dispatched.rest();
    expect(received()).toEqual(["lamp/l1/level 80"]);
    expect(heard()).toEqual([`superseded by ${newer}`, `delivered ${newer}`]);
    expect(counters()).toMatchObject({ superseded: 1, delivered: 1 });
  });

  test("supersedes one that was put aside", async () => {
    const { turn, dispatched, world, devices, received, heard } = await open(attentive);
    await turn(30);
    await world.advance(2_000);
    await turn(80);
    devices.become("online");
    await dispatched.rest();
    expect(received()).toEqual(["lamp/l1/level 80"]);
    expect(heard()).toEqual([
      "superseded by default/lamp/l1/0/3/0",
      "delivered default/lamp/l1/0/3/0",
    ]);
  });

  test("supersedes one that an earlier dispatcher had put aside", async () => {
    const { turn, dispatched, world, devices, received, heard } = await open(attentive);
    await turn(30);
    await world.advance(2_000);
    await dispatched.crash();
    await turn(80);
    devices.become("online");
    await world.advance(2_000);
    expect(received()).toEqual(["lamp/l1/level 80"]);
    const newer = "default/lamp/l1/0/3/0"; // the second step put the older one aside
    expect(heard()).toEqual([`superseded by ${newer}`, `delivered ${newer}`]);
  });

  test("leaves those of other names and of other instances alone", async () => {
    const { turn, dispatched, world, devices, received } = await open(careless);
    await turn(30, "l1");
    await turn(50, "l2");
    await world.publish("lamp/l1/ring", { times: 1 });
    await turn(80, "l1");
    devices.become("online");
    await dispatched.rest();
    expect(
      received()
        .filter((one) => !one.includes("flash"))
        .sort(),
    ).toEqual(["lamp/l1/chime ring 1", "lamp/l1/level 80", "lamp/l2/level 50"]);
  });

  test("comes after the older one where the flow says `supersede: false`", async () => {
    const { dispatched, world, devices, received, counters } = await open(careless);
    for (const times of [1, 2, 3]) await world.publish("lamp/l1/ring", { times });
    devices.become("online");
    await dispatched.rest();
    const rings = ["lamp/l1/chime ring 1", "lamp/l1/chime ring 2", "lamp/l1/chime ring 3"];
    expect(received()).toEqual(rings);
    expect(counters().superseded).toBe(0);
  });
});

describe("a command that nobody takes until it expires", () => {
  test("expires at its time and not before, and comes to nobody any more", async () => {
    const { turn, dispatched, world, devices, received, heard, counters } = await open(attentive);
    await turn(30);
    await world.advance(9_999);
    expect(heard()).toEqual([]);
    await world.advance(1);
    expect(heard()).toEqual(["expired"]);
    expect(world.instance("lamp/l1").owed).toBeUndefined();
    devices.become("online");
    await dispatched.rest();
    expect(received()).toEqual([]);
    expect(counters()).toMatchObject({ delivered: 0, expired: 1, dropped: 0 });
    await turn(40);
    expect(received()).toEqual(["lamp/l1/level 40"]);
  });

  test("expires after a crash, too, while nobody is there", async () => {
    const { turn, dispatched, world, devices, received, heard } = await open(attentive);
    await turn(30);
    await world.advance(2_000);
    await dispatched.crash();
    await world.advance(8_000);
    expect(heard()).toEqual(["expired"]);
    devices.become("online");
    await dispatched.rest();
    expect(received()).toEqual([]);
  });

  test.each([
    ["that waits for it", attentive, ["expired"]],
    ["that does not", careless, undefined],
  ])("comes to nobody from a dispatcher that was away, for a flow %s", async (_, flow, heard) => {
    const lamp = await open(flow);
    const { dispatched, world, devices } = lamp;
    dispatched.dispatcher.kill();
    await world.publish("lamp/l1/turn", { to: 30 });
    await world.advance(3_600_000);
    // Something that tells the log's time.
    for (const other of ["l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9"]) await lamp.turn(1, other);
    devices.become("online");
    await dispatched.crash();
    await world.advance(20_000);
    expect(lamp.received()).not.toContain("lamp/l1/level 30");
    expect(lamp.received()).toContain("lamp/l9/level 1");
    if (heard !== undefined) expect(lamp.heard()).toEqual(heard);
  });

  test("is dropped without a word where nobody waits for it", async () => {
    const lamp = await open(careless);
    const { turn, dispatched, world, devices, received, written, causes, counters } = lamp;
    await turn(30);
    await world.advance(500);
    expect(written()).toEqual([]); // the flash is gone before it would be put aside
    expect(counters()).toMatchObject({ expired: 1, dropped: 0 });
    await world.advance(9_500);
    devices.become("online");
    await dispatched.rest();
    expect(received()).toEqual([]);
    expect(causes()).toEqual(["turn", "parked", "expired.level"]);
    expect(counters()).toMatchObject({ expired: 2, dropped: 0 });
    expect(world.rejections()).toEqual([]);
  });
});

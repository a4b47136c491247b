import * as fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeGateways, type Gateway, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

/** Attacks: C3 of connection.ts. */

/** The same each time, but for `npm run soak -- hostile`. */
const seed = Number(process.env["MILLRACE_TEST_HOSTILE_SEED"] ?? 1);

/**
 * Hunts for bytes that end more than their own connection (C3): an exception that nobody catches, a
 * parser left in disorder for the next client, a connection that is never let go of.
 */

let gateway: Gateway;
beforeAll(async () => {
  gateway = await openGateway({ limits: { lingerMs: 100, connectTimeoutMs: 500 } });
});
afterAll(closeGateways);

const levels = fc.constantFrom(4 as const, 5 as const);

/** One well-formed packet of each kind, to be bent. */
const packets: Packet[] = [
  publishPacket("a/b", "payload", 0),
  publishPacket("a/b", "payload", 7, {
    properties: {
      payloadFormatIndicator: true,
      messageExpiryInterval: 9,
      topicAlias: 3,
      responseTopic: "r",
      correlationData: Buffer.from("k"),
      userProperties: { a: "b" },
      contentType: "t",
    },
  }),
  {
    cmd: "subscribe",
    messageId: 1,
    subscriptions: [{ topic: "a/+", qos: 1, nl: false, rap: false, rh: 0 }],
    properties: { subscriptionIdentifier: 200, userProperties: { a: "b" } },
  },
  { cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a/+", "b"] },
  { cmd: "puback", messageId: 1, reasonCode: 16, properties: { reasonString: "r" } },
  { cmd: "pubrec", messageId: 1, reasonCode: 0 },
  { cmd: "pubrel", messageId: 1, reasonCode: 0 },
  { cmd: "pingreq" },
  { cmd: "auth", reasonCode: 0, properties: { authenticationMethod: "m" } },
  { cmd: "disconnect", reasonCode: 4, properties: { sessionExpiryInterval: 5, reasonString: "r" } },
];

function helloOf(level: 4 | 5): Buffer {
  const will = { topic: "w", payload: Buffer.from("x"), qos: 1 as const, retain: false };
  return generate({
    cmd: "connect",
    clientId: "fuzz",
    protocolVersion: level,
    clean: true,
    keepalive: 10,
    username: "u",
    password: Buffer.from("p"),
    will: {
      ...will,
      ...(level === 5 && { properties: { willDelayInterval: 1, contentType: "t" } }),
    },
    ...(level === 5 && { properties: { receiveMaximum: 3, userProperties: { a: "b" } } }),
  });
}

/** Changes to a packet's bytes: one replaced, some taken out, some put in. */
const change = fc.record({
  at: fc.nat(200),
  how: fc.constantFrom("replace" as const, "remove" as const, "insert" as const),
  byte: fc.integer({ min: 0, max: 255 }),
});
type Change = { at: number; how: "replace" | "remove" | "insert"; byte: number };

function bend(bytes: Buffer, changes: readonly Change[]): Buffer {
  const bent = [...bytes];
  for (const { at, how, byte } of changes) {
    const i = at % (bent.length + 1);
    if (how === "replace") bent[i] = byte;
    else if (how === "remove") bent.splice(i, 1);
    else bent.splice(i, 0, byte);
  }
  return Buffer.from(bent);
}

/** As `bend`, but with a remaining length that is right, so that the body is what is looked at. */
function bendBody(bytes: Buffer, changes: readonly Change[]): Buffer {
  const body = bend(bytes.subarray(2), changes);
  if (bytes[1] === undefined || bytes[1] >= 0x80 || body.length >= 0x80)
    return bend(bytes, changes);
  return Buffer.concat([Buffer.from([bytes[0] as number, body.length]), body]);
}

const words = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a/b", "a/+", "#", "good", "$SYS/x", "$share/g/a", "") },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000 }).map((length) => "x/".repeat(length)) },
);
const number16 = fc.oneof(fc.constantFrom(0, 1, 2, 17, 65_535), fc.nat(65_535));
/** Names and values by the hundred: a list of properties has no limit but the packet's. */
const userProperties = fc
  .integer({ min: 0, max: 2_000 })
  .map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, "v"])));

const hello = fc
  .record({
    will: fc.option(
      fc.record({
        topic: words,
        payload: fc.constantFrom(Buffer.alloc(0), Buffer.alloc(60_000)),
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        retain: fc.boolean(),
        properties: fc.record({ willDelayInterval: fc.nat(1), userProperties }),
      }),
      { nil: undefined },
    ),
    keepalive: number16,
    clean: fc.boolean(),
    // One of few: they take each other over.
    clientId: fc.constantFrom("", "fuzz", "other", "x".repeat(300)),
    properties: fc.record({
      receiveMaximum: fc.integer({ min: 1, max: 65_535 }),
      topicAliasMaximum: number16,
      maximumPacketSize: fc.integer({ min: 1, max: 200_000 }),
      sessionExpiryInterval: fc.nat(),
      userProperties,
    }),
  })
  .map((drawn) => ({ cmd: "connect", protocolId: "MQTT", ...drawn }) as unknown as Packet);

const anyPacket: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({
      topic: words,
      messageId: number16,
      qos: fc.constantFrom(0, 1, 2),
      dup: fc.boolean(),
      retain: fc.boolean(),
      payload: fc.constantFrom("", "{}", "x".repeat(70_000)),
      properties: fc.record(
        {
          topicAlias: number16,
          messageExpiryInterval: number16,
          responseTopic: words,
          userProperties,
        },
        { requiredKeys: [] },
      ),
    })
    .map((drawn) => ({ cmd: "publish", ...drawn }) as unknown as Packet),
  fc
    .record({
      messageId: number16,
      topics: fc.array(words, { minLength: 1, maxLength: 300 }),
      qos: fc.constantFrom(0, 1, 2),
      userProperties,
    })
    .map(({ messageId, topics, qos, ...properties }) => {
      const subscriptions = topics.map((topic) => ({ topic, qos, nl: true, rap: true, rh: 1 }));
      return { cmd: "subscribe", messageId, subscriptions, properties } as unknown as Packet;
    }),
  fc
    .record({
      messageId: number16,
      unsubscriptions: fc.array(words, { minLength: 1, maxLength: 9 }),
    })
    .map((drawn) => ({ cmd: "unsubscribe", ...drawn }) as unknown as Packet),
  fc
    .record({
      cmd: fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp"),
      messageId: number16,
      reasonCode: fc.constantFrom(0, 16),
    })
    .map((drawn) => drawn as unknown as Packet),
  fc.constantFrom(...packets.filter(({ cmd }) => cmd !== "publish")),
);

/** What mqtt-packet would not write is written as a packet without a body. */
function encoded(packet: Packet, level: 4 | 5): Buffer {
  try {
    return generate({ ...packet, protocolVersion: level } as Packet, { protocolVersion: level });
  } catch {
    return Buffer.from([0x30, 0]);
  }
}

async function send(level: 4 | 5, ...parts: Buffer[]): Promise<void> {
  const evil = await RawClient.open(gateway.port, level);
  // In pieces, as a network would.
  for (const part of parts) {
    evil.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  evil.socket.end();
  await evil.closed;
}

async function expectNoHarm(): Promise<void> {
  const bug = gateway.lines.find(({ event }) => event === "bug");
  expect(bug?.reason).toBeUndefined();
  for (const level of [4, 5] as const) {
    const good = await RawClient.connect(gateway.port, `good-${level}`, level);
    expect(await good.subscribe("good")).toEqual([1]);
    good.publish("good", "works", 1);
    const got = [await good.next(), await good.next()].map(({ cmd }) => cmd).sort();
    expect(got).toEqual(["puback", "publish"]);
    good.send({ cmd: "disconnect", reasonCode: 0 });
    await good.closed;
  }
}

describe("a server that is sent anything at all", () => {
  test("survives random bytes, and serves the next client", async () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const property = fc.asyncProperty(bytes, (garbage) => send(4, garbage));
    await fc.assert(property, { seed, numRuns: 1_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives random bytes after a good CONNECT", async () => {
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((array) => Buffer.from(array));
    const property = fc.asyncProperty(levels, bytes, (level, garbage) =>
      send(level, helloOf(level), garbage),
    );
    await fc.assert(property, { seed, numRuns: 1_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives a CONNECT that was bent", async () => {
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(levels, changes, fc.boolean(), (level, bends, inBody) =>
      send(level, (inBody ? bendBody : bend)(helloOf(level), bends)),
    );
    await fc.assert(property, { seed, numRuns: 1_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives any packet that was bent", async () => {
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const one = fc.record({ of: fc.constantFrom(...packets), changes, inBody: fc.boolean() });
    const property = fc.asyncProperty(
      levels,
      fc.array(one, { minLength: 1, maxLength: 3 }),
      (level, bent) =>
        send(
          level,
          helloOf(level),
          ...bent.map(({ of, changes: bends, inBody }) =>
            (inBody ? bendBody : bend)(
              generate(of, { protocolVersion: of.cmd === "auth" ? 5 : level }),
              bends,
            ),
          ),
        ),
    );
    await fc.assert(property, { seed, numRuns: 3_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives good packets in any order, with too much of everything", async () => {
    const sequence = fc.array(
      fc.oneof({ weight: 6, arbitrary: anyPacket }, { weight: 1, arbitrary: hello }),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    const property = fc.asyncProperty(
      levels,
      hello,
      fc.boolean(),
      sequence,
      (level, first, greets, all) => {
        const packets = greets ? [first, ...all] : all;
        return send(level, ...packets.map((packet) => encoded(packet, level)));
      },
    );
    await fc.assert(property, { seed, numRuns: 200 });
    await expectNoHarm();
  }, 60_000);

  test("lets go of all of them", async () => {
    await until(() => gateway.listener.stats().connections === 0);
    expect(gateway.listener.stats()).toMatchObject({ clients: 0, held: 0, underWay: 0 });
    expect(gateway.listener.stats().protocolErrors).toBeGreaterThan(100);
    const attached = gateway.broker.events.filter((event) => event.startsWith("attached"));
    const detached = gateway.broker.events.filter((event) => event.startsWith("detached"));
    expect(detached.length).toBe(attached.length);
  });
});

import * as fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeGateways, type Gateway, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

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
    await fc.assert(property, { numRuns: 1_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives random bytes after a good CONNECT", async () => {
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((array) => Buffer.from(array));
    const property = fc.asyncProperty(levels, bytes, (level, garbage) =>
      send(level, helloOf(level), garbage),
    );
    await fc.assert(property, { numRuns: 1_000 });
    await expectNoHarm();
  }, 60_000);

  test("survives a CONNECT that was bent", async () => {
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(levels, changes, fc.boolean(), (level, bends, inBody) =>
      send(level, (inBody ? bendBody : bend)(helloOf(level), bends)),
    );
    await fc.assert(property, { numRuns: 1_000 });
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
    await fc.assert(property, { numRuns: 3_000 });
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

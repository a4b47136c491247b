import { OperationalError } from "@millrace/shared/errors/operational";
import { afterEach, describe, expect, test } from "vitest";
import { PublishRefused } from "./broker.ts";
import { closeGateways, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

/** Attacks: M1, M2, M3 and M4 of inbox.ts. */

afterEach(closeGateways);

describe("a QoS 1 publish", () => {
  test("is acknowledged only after the log has it (M1)", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c");
    client.publish("t", "x", 7);
    await client.ping();
    expect(client.unread).toEqual([]);
    broker.waiting[0]?.resolve();
    expect(await client.next("puback")).toMatchObject({ messageId: 7 });
  });

  test("is acknowledged in its turn, though the log had a later one first (M2)", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 5);
    for (const id of [3, 1, 2]) client.publish("t", `${id}`, id);
    await until(() => broker.waiting.length === 3);
    expect(broker.payloads).toEqual(["3", "1", "2"]);
    broker.waiting[2]?.resolve();
    broker.waiting[1]?.resolve();
    await client.ping();
    broker.waiting[0]?.resolve();
    for (const messageId of [3, 1, 2]) {
      expect(await client.next("puback")).toMatchObject({ messageId, reasonCode: 0 });
    }
    expect(broker.forwarded).toEqual(["3", "1", "2"]);
  });

  test("reaches other subscribers only after the log has it, and in order (M3)", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const listener = await RawClient.connect(port, "listener");
    await listener.subscribe("t");
    const client = await RawClient.connect(port, "c");
    client.publish("t", "1", 1);
    client.publish("t", "2");
    client.publish("t", "3", 3);
    await until(() => broker.waiting.length === 3);
    broker.waiting[1]?.resolve();
    broker.waiting[2]?.resolve();
    await listener.ping();
    expect(listener.unread).toEqual([]);
    broker.waiting[0]?.resolve();
    const payloads = [];
    for (let i = 0; i < 3; i++) payloads.push((await listener.nextPublish()).payload.toString());
    expect(payloads).toEqual(["1", "2", "3"]);
  });

  test("goes to its end when the connection dies meanwhile (M4)", async () => {
    const { port, broker, listener } = await openGateway();
    broker.byHand = true;
    const other = await RawClient.connect(port, "other");
    await other.subscribe("t");
    const client = await RawClient.connect(port, "c");
    client.publish("t", "x", 1);
    await until(() => broker.waiting.length === 1);
    client.close();
    await until(() => listener.stats().clients === 1);
    broker.waiting[0]?.resolve();
    expect((await other.nextPublish()).payload.toString()).toBe("x");
  });

  test.each([
    [
      "out of quota when the log refused it",
      new OperationalError("LOG-003", { topic: "t", partition: 0, cause: "x" }, "x"),
      0x97,
    ],
    ["with the broker's word where it has one", new PublishRefused("not-authorized", "x"), 0x87],
    ["unspecified where PUBACK has no such code", new PublishRefused("banned", "x"), 0x80],
    ["unspecified for any other reason", new Error("x"), 0x80],
  ])("that is refused for good is answered %s", async (_, error, code) => {
    const { port, broker, lines, listener } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 5);
    client.publish("t", "1", 1);
    client.publish("t", "2", 2);
    await until(() => broker.waiting.length === 2);
    broker.waiting[0]?.reject(error);
    broker.waiting[1]?.resolve();
    expect(await client.next("puback")).toMatchObject({ messageId: 1, reasonCode: code });
    expect(await client.next("puback")).toMatchObject({ messageId: 2, reasonCode: 0 });
    expect(lines.find(({ event }) => event === "publish-failed")?.client).toBe("c");
    expect(listener.stats().publishesRefused).toBe(1);
  });

  test("that is refused for good reaches no other subscriber", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const other = await RawClient.connect(port, "other");
    await other.subscribe("t");
    const client = await RawClient.connect(port, "c", 5);
    client.publish("t", "refused", 1);
    client.publish("t", "taken", 2);
    await until(() => broker.waiting.length === 2);
    broker.waiting[0]?.reject(new Error("no"));
    broker.waiting[1]?.resolve();
    expect((await other.nextPublish()).payload.toString()).toBe("taken");
  });

  test("that is refused for good ends a 3.1.1 connection, without a PUBACK", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c");
    client.publish("t", "1", 1);
    client.publish("t", "2", 2);
    await until(() => broker.waiting.length === 2);
    broker.waiting[1]?.reject(new Error("no"));
    broker.waiting[0]?.resolve();
    expect(await client.next("puback")).toMatchObject({ messageId: 1 });
    await client.closed;
    expect(client.unread).toEqual([]);
  });

  test("that a 3.1.1 client repeats before its PUBACK is one publish", async () => {
    const { port, broker, listener } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c");
    client.publish("t", "x", 7);
    client.publish("t", "x", 7, { dup: true });
    await client.ping();
    expect(broker.published.length).toBe(1);
    expect(listener.stats().repeatsIgnored).toBe(1);
    broker.waiting[0]?.resolve();
    await client.next("puback");
    client.publish("t", "x", 7, { dup: true });
    await until(() => broker.waiting.length === 2);
  });
});

describe("what a publish says", () => {
  test("is kept for the log and for other MQTT 5 subscribers", async () => {
    const { port, broker } = await openGateway();
    const listener = await RawClient.connect(port, "listener", 5);
    await listener.subscribe("a/+", { subscriptionIdentifier: 5 });
    const old = await RawClient.connect(port, "old", 4);
    await old.subscribe("a/+");
    const client = await RawClient.connect(port, "c", 5);
    const said = {
      payloadFormatIndicator: true,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Buffer.from("k"),
      messageExpiryInterval: 60,
      userProperties: { a: ["1", "2"], b: "3" },
    };
    client.publish("a/b", "x", 1, { properties: said });
    await client.next("puback");
    expect(broker.published[0]).toMatchObject({ topic: "a/b", qos: 1 });
    expect(broker.published[0]?.properties).toEqual({
      payloadFormatIndicator: 1,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Buffer.from("k"),
      userProperties: [
        ["a", "1"],
        ["a", "2"],
        ["b", "3"],
      ],
    });
    const got = await listener.nextPublish();
    expect(got).toMatchObject({ topic: "a/b", qos: 1, dup: false, retain: false });
    expect(JSON.parse(JSON.stringify(got.properties))).toEqual(
      JSON.parse(JSON.stringify({ ...said, subscriptionIdentifier: 5 })),
    );
    expect((await old.nextPublish()).properties).toBeUndefined();
  });

  test("may be an alias of a topic that it said before", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    client.publish("long/topic", "1", 1, { properties: { topicAlias: 16 } });
    client.publish("", "2", 2, { properties: { topicAlias: 16 } });
    client.publish("other", "3", 3, { properties: { topicAlias: 16 } });
    client.publish("", "4", 4, { properties: { topicAlias: 16 } });
    for (let i = 0; i < 4; i++) await client.next("puback");
    expect(broker.published.map(({ topic }) => topic)).toEqual([
      "long/topic",
      "long/topic",
      "other",
      "other",
    ]);
  });

  test("is an alias of this connection only", async () => {
    const { port } = await openGateway();
    const one = await RawClient.connect(port, "one", 5);
    one.publish("t", "1", 1, { properties: { topicAlias: 1 } });
    await one.next("puback");
    const two = await RawClient.connect(port, "two", 5);
    two.publish("", "2", 2, { properties: { topicAlias: 1 } });
    expect(await two.disconnected()).toBe(0x82);
  });
});

describe("an MQTT 5 publish ends the connection", () => {
  test.each([
    ["at QoS 2", publishPacket("t", "x", 1, { qos: 2 }), 0x9b],
    ["that is retained", publishPacket("t", "x", 1, { retain: true }), 0x9a],
    ["with alias 0", publishPacket("t", "x", 1, { properties: { topicAlias: 0 } }), 0x94],
    [
      "with an alias above the maximum",
      publishPacket("t", "x", 1, { properties: { topicAlias: 17 } }),
      0x94,
    ],
    [
      "with an alias that stands for nothing",
      publishPacket("", "x", 1, { properties: { topicAlias: 1 } }),
      0x82,
    ],
    ["without topic or alias", publishPacket("", "x", 1), 0x82],
    ["with wildcards in its topic", publishPacket("a/+", "x", 1), 0x81],
    ["over the payload limit", publishPacket("t", Buffer.alloc(2_001), 1), 0x95],
    ["over the packet limit", publishPacket("t", Buffer.alloc(5_000), 1), 0x95],
    ["at QoS 0 on a $ topic", publishPacket("$SYS/x", "x"), 0x90],
    ["at QoS 0 that it may not send", publishPacket("forbidden", "x"), 0x87],
  ])("%s", async (_, packet, code) => {
    const { port, broker } = await openGateway({
      limits: { payloadBytesMax: 2_000, packetBytesMax: 4_000 },
    });
    broker.denied.add("publish forbidden");
    const client = await RawClient.connect(port, "c", 5);
    client.send(packet);
    expect(await client.disconnected()).toBe(code);
    expect(broker.published).toEqual([]);
  });

  test("when more are unacknowledged than Receive Maximum allows", async () => {
    const { port, broker } = await openGateway({ limits: { receiveMax: 3 } });
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 5);
    for (const id of [1, 2, 3]) client.publish("t", "x", id);
    await client.ping();
    client.publish("t", "x", 4);
    expect(await client.disconnected()).toBe(0x93);
    expect(broker.published.length).toBe(3);
  });

  test("and says in words what was wrong, where the client takes a packet so long", async () => {
    const { port } = await openGateway();
    const talkative = await RawClient.connect(port, "talkative", 5);
    talkative.send(publishPacket("t", "x", 1, { qos: 2 }));
    const said = await talkative.next("disconnect");
    expect(said).toMatchObject({ reasonCode: 0x9b });
    expect(said).toHaveProperty("properties.reasonString", "QoS 2 is above Maximum QoS 1");
    const properties = { maximumPacketSize: 32 };
    const terse = await RawClient.connect(port, "terse", 5, { properties });
    terse.send(publishPacket("t", "x", 1, { qos: 2 }));
    expect(await terse.next("disconnect")).not.toHaveProperty("properties");
  });

  test("with a packet too large as soon as its length is read", async () => {
    const { port } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    client.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]));
    expect(await client.disconnected()).toBe(0x95);
  });
});

describe("an MQTT 5 publish at QoS 1 is refused by its PUBACK, and the connection lives on", () => {
  test.each([
    ["on a $ topic", "$SYS/x", 0x90],
    ["on a topic too deep", "a/b/c/d/e", 0x90],
    ["on a topic too long", "x".repeat(101), 0x90],
    ["that it may not send", "forbidden", 0x87],
  ])("%s", async (_, topic, reasonCode) => {
    const { port, broker, listener } = await openGateway({
      limits: { topicLevelsMax: 4, topicBytesMax: 100 },
    });
    broker.denied.add("publish forbidden");
    const client = await RawClient.connect(port, "c", 5);
    client.publish("before", "x", 1);
    client.publish(topic, "x", 2);
    client.publish("after", "x", 3);
    expect(await client.next("puback")).toMatchObject({ messageId: 1, reasonCode: 0 });
    expect(await client.next("puback")).toMatchObject({ messageId: 2, reasonCode });
    expect(await client.next("puback")).toMatchObject({ messageId: 3, reasonCode: 0 });
    expect(broker.published.map((publication) => publication.topic)).toEqual(["before", "after"]);
    expect(listener.stats().publishesRefused).toBe(1);
  });

  test("and a right is asked for each time", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    client.publish("t", "x", 1);
    expect(await client.next("puback")).toMatchObject({ reasonCode: 0 });
    broker.denied.add("publish t");
    client.publish("t", "x", 2);
    expect(await client.next("puback")).toMatchObject({ reasonCode: 0x87 });
  });
});

describe("a 3.1.1 publish", () => {
  test.each([
    ["at QoS 2", publishPacket("t", "x", 1, { qos: 2 }), "qos-not-supported"],
    ["on a $ topic", publishPacket("$SYS/x", "x", 1), "topic-name-invalid"],
    ["that it may not send", publishPacket("forbidden", "x", 1), "not-authorized"],
    ["with wildcards in its topic", publishPacket("a/#", "x"), "malformed-packet"],
    ["with an empty topic", publishPacket("", "x"), "malformed-packet"],
    ["over the payload limit", publishPacket("t", Buffer.alloc(2_001), 1), "packet-too-large"],
    ["over the packet limit", publishPacket("t", Buffer.alloc(5_000), 1), "packet-too-large"],
  ])("%s closes the connection, and the log says why", async (_, packet, reason) => {
    const { port, broker, lines } = await openGateway({
      limits: { payloadBytesMax: 2_000, packetBytesMax: 4_000 },
    });
    broker.denied.add("publish forbidden");
    const client = await RawClient.connect(port, "c");
    client.send(packet);
    await client.closed;
    expect(client.unread).toEqual([]);
    expect(lines.at(-1)).toMatchObject({
      event: "ended",
      level: "warn",
      ns: "default",
      client: "c",
    });
    expect(lines.at(-1)?.reason).toMatch(new RegExp(`^${reason}: `));
    expect(broker.published).toEqual([]);
  });

  test("that is retained is taken as not retained, counted, and logged once", async () => {
    const { port, broker, lines, listener } = await openGateway();
    const other = await RawClient.connect(port, "other");
    await other.subscribe("t");
    const client = await RawClient.connect(port, "c");
    const publish = broker.publish.bind(broker);
    broker.publish = (publication) => {
      publication.trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;
      return publish(publication);
    };
    client.publish("t", "1", 1, { retain: true });
    client.publish("t", "2", 2, { retain: true });
    await client.next("puback");
    await client.next("puback");
    expect((await other.nextPublish()).retain).toBe(false);
    expect(broker.published.length).toBe(2);
    expect(listener.stats().retainsIgnored).toBe(2);
    expect(lines.filter(({ event }) => event === "retain-ignored")).toMatchObject([
      { client: "c", trace_id: "a".repeat(32) },
    ]);
  });

  test("waits in its socket while as many are unacknowledged as may be", async () => {
    const { port, broker } = await openGateway({ limits: { receiveMax: 3 } });
    broker.byHand = true;
    const client = await RawClient.connect(port, "c");
    for (const id of [1, 2, 3, 4, 5]) client.publish("t", `${id}`, id);
    await until(() => broker.waiting.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(broker.waiting.length).toBe(3);
    broker.waiting[0]?.resolve();
    await until(() => broker.waiting.length === 4);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(broker.payloads).toEqual(["1", "2", "3", "4"]);
    for (const { resolve } of broker.waiting.slice(1)) resolve();
    await until(() => broker.waiting.length === 5);
    broker.waiting[4]?.resolve();
    for (const messageId of [1, 2, 3, 4, 5]) {
      expect(await client.next("puback")).toMatchObject({ messageId });
    }
    await client.ping();
  });
});

describe("a QoS 0 publish", () => {
  test("that the broker refuses is counted and logged, and harms nobody", async () => {
    const { port, broker, lines, listener } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c");
    client.publish("t", "x");
    await until(() => broker.waiting.length === 1);
    broker.waiting[0]?.reject(new Error("no"));
    await client.ping();
    expect(listener.stats().publishesRefused).toBe(1);
    expect(lines.at(-1)).toMatchObject({ event: "publish-failed", client: "c" });
  });
});

describe("a payload", () => {
  test("is the broker's to keep: later bytes of the connection do not change it", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c");
    const payloads = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 37) % 900), i));
    client.send(...payloads.map((payload) => publishPacket("t", payload)));
    await client.ping();
    expect(broker.published.map(({ payload }) => payload)).toEqual(payloads);
  });

  test("that is small does not keep a large chunk of its socket alive", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c");
    client.send(publishPacket("t", "small"), publishPacket("t", Buffer.alloc(50_000)));
    await client.ping();
    const [small, large] = broker.published;
    expect(small?.payload.buffer).not.toBe(large?.payload.buffer);
  });
});

import type { IConnectPacket, Packet } from "mqtt-packet";
import { afterEach, describe, expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { refuse } from "../admit/refusals.ts";
import { closeGateways, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

/** Attacks: C1 of connection.ts. */

afterEach(closeGateways);

describe("a client that connects", () => {
  test.each([3, 4] as const)(
    "with MQTT level %i is let in with no session present",
    async (level) => {
      const { port, broker, listener } = await openGateway();
      const client = await RawClient.open(port, level);
      const connack = await client.sayHello("c", { clean: false });
      expect(connack).toMatchObject({ returnCode: 0, sessionPresent: false });
      expect(broker.requests[0]).toMatchObject({ client: "c", protocol: level, assigned: false });
      expect([...listener.connections()]).toMatchObject([{ ns: "default", client: "c" }]);
    },
  );

  test("with MQTT 5 is told what this server does not do, and its limits", async () => {
    const { port } = await openGateway({ limits: { receiveMax: 7, packetBytesMax: 5_000 } });
    const client = await RawClient.open(port, 5);
    const connack = await client.sayHello("c", {
      clean: false,
      keepalive: 60,
      properties: { sessionExpiryInterval: 3_600 },
    });
    expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
    expect(connack.properties).toEqual({
      sessionExpiryInterval: 0,
      receiveMaximum: 7,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 5_000,
      topicAliasMaximum: 16,
      sharedSubscriptionAvailable: false,
    });
  });

  test("hands user name and password to whoever admits", async () => {
    const { port, broker } = await openGateway();
    await RawClient.connect(port, "c", 5, { username: "u", password: Buffer.from("p") });
    expect(broker.requests[0]).toMatchObject({ username: "u", password: Buffer.from("p") });
  });

  test.each([0, 9_000])("with MQTT 5 and keep alive %i is told the server's", async (keepalive) => {
    const { port } = await openGateway({ limits: { keepAliveSecondsMax: 300 } });
    const client = await RawClient.open(port, 5);
    const { properties } = await client.sayHello("c", { keepalive });
    expect(properties?.serverKeepAlive).toBe(300);
  });

  test("without client id gets one assigned, and in MQTT 5 is told it", async () => {
    const { port, broker } = await openGateway();
    const five = await RawClient.open(port, 5);
    const { properties } = await five.sayHello("");
    expect(properties?.assignedClientIdentifier).toMatch(/^auto-[a-z0-9]{10}$/);
    await RawClient.connect(port, "", 4);
    const [first, second] = broker.requests;
    expect(first).toMatchObject({ assigned: true, client: properties?.assignedClientIdentifier });
    expect(second).toMatchObject({ assigned: true });
    expect(second?.client).not.toBe(first?.client);
  });

  test("may send more before it is let in; it is handled after", async () => {
    const { port, broker } = await openGateway();
    let admit: () => void = () => undefined;
    broker.admission = () =>
      new Promise((resolve) => {
        admit = () => resolve({ ns: "tenant", thing: "lamp" });
      });
    const client = await RawClient.open(port);
    client.send(client.hello("c"), publishPacket("t", "x", 1), { cmd: "pingreq" });
    await until(() => broker.requests.length === 1);
    expect(broker.published).toEqual([]);
    admit();
    await client.next("connack");
    await client.next("pingresp");
    expect(broker.published[0]?.client).toMatchObject({ ns: "tenant", thing: "lamp", client: "c" });
  });
});

describe("a client is refused", () => {
  type Case = [string, 4 | 5, string, Partial<IConnectPacket>, number];
  const will = { topic: "w", payload: Buffer.from("x"), qos: 1 as const, retain: false };
  test.each<Case>([
    ["with a client id over the limit", 4, "x".repeat(300), {}, 0x02],
    ["with a client id over the limit", 5, "x".repeat(300), {}, 0x85],
    ["with a will of QoS 2", 5, "c", { will: { ...will, qos: 2 } }, 0x9b],
    ["with a retained will", 5, "c", { will: { ...will, retain: true } }, 0x9a],
    ["with a will on a $ topic", 5, "c", { will: { ...will, topic: "$SYS/x" } }, 0x90],
    ["with a will that it may not publish", 5, "c", { will: { ...will, topic: "no" } }, 0x87],
    ["with a will that it may not publish", 4, "c", { will: { ...will, topic: "no" } }, 0x05],
    ["with enhanced login", 5, "c", { properties: { authenticationMethod: "m" } }, 0x8c],
    ["with Receive Maximum 0", 5, "c", { properties: { receiveMaximum: 0 } }, 0x82],
  ])("%s (level %i)", async (_, level, clientId, more, code) => {
    const { port, broker, lines } = await openGateway();
    broker.denied.add("publish no");
    const client = await RawClient.open(port, level);
    const connack = await client.sayHello(clientId, more);
    expect(connack.returnCode ?? connack.reasonCode).toBe(code);
    await client.closed;
    expect(broker.events).toEqual([]);
    expect(lines[0]).toMatchObject({ event: "refused", level: "warn", client: clientId });
  });

  test.each([
    [4, 0x05],
    [5, 0x87],
  ] as const)("when it is not admitted (level %i)", async (level, code) => {
    const { port, broker, listener } = await openGateway();
    broker.admission = async () => refuse("not-authorized", "no certificate");
    const client = await RawClient.open(port, level);
    const connack = await client.sayHello("c");
    expect(connack.returnCode ?? connack.reasonCode).toBe(code);
    await client.closed;
    expect(listener.stats()).toMatchObject({ connectsRefused: 1, connects: 0, clients: 0 });
  });

  test("as unavailable when admission itself fails", async () => {
    const { port, broker } = await openGateway();
    broker.admission = () => Promise.reject(new Error("the directory is away"));
    const client = await RawClient.open(port, 5);
    expect((await client.sayHello("c")).reasonCode).toBe(0x88);
  });

  test.each([
    [2, "MQTT"],
    [6, "MQTT"],
    [0x84, "MQTT"],
    [4, "MQIsdp"],
  ])("with protocol level %i of %s", async (level, name) => {
    const { port } = await openGateway();
    const client = await RawClient.open(port, 4);
    const body = Buffer.from([0, name.length, ...Buffer.from(name), level, 2, 0, 0, 0, 1, 0x63]);
    client.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
    expect(await client.next("connack")).toMatchObject({ returnCode: 1 });
    await client.closed;
  });

  test("without client id and clean session, in 3.1.1", async () => {
    const { port } = await openGateway();
    const client = await RawClient.open(port, 4);
    client.write(Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 0]));
    expect(await client.next("connack")).toMatchObject({ returnCode: 2 });
    await client.closed;
  });

  test("in a will's words it is not: QoS 2 and retain of a 3.1.1 will are lowered", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 4, {
      will: { ...will, qos: 2, retain: true },
    });
    client.close();
    await until(() => broker.published.length === 1);
    expect(broker.published[0]).toMatchObject({ topic: "w", qos: 1 });
    expect(listener.stats().retainsIgnored).toBe(1);
  });

  test("without a word when its Maximum Packet Size leaves no room for CONNACK", async () => {
    const { port, lines } = await openGateway();
    const client = await RawClient.open(port, 5);
    client.send(client.hello("c", { properties: { maximumPacketSize: 4 } }));
    await client.closed;
    expect(client.received.filter(({ cmd }) => cmd === "connack")).toEqual([]);
    expect(lines.at(-1)?.reason).toContain("Maximum Packet Size");
  });
});

describe("a connection that begins badly is closed", () => {
  const connect = (...bytes: number[]): Buffer => Buffer.from([0x10, bytes.length, ...bytes]);
  const mqtt4 = [0, 4, 0x4d, 0x51, 0x54, 0x54, 4];
  test.each<[string, Buffer]>([
    ["with another packet than CONNECT", Buffer.from([0xc0, 0])],
    ["with a publish", Buffer.from([0x30, 3, 0, 1, 0x74])],
    ["with HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["with TLS", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
    ["with flags in CONNECT", Buffer.from([0x11, 13, ...mqtt4, 2, 0, 0, 0, 1, 0x63])],
    ["with an empty CONNECT", connect()],
    ["with another protocol's name", connect(0, 4, 0x48, 0x54, 0x54, 0x50, 4, 2, 0, 0, 0, 1, 0x63)],
    ["with the reserved flag set", connect(...mqtt4, 3, 0, 0, 0, 1, 0x63)],
    ["with Will QoS 3", connect(...mqtt4, 0x1e, 0, 0, 0, 1, 0x63, 0, 1, 0x77, 0, 0)],
    ["with a client id cut off", connect(...mqtt4, 2, 0, 0, 0, 9, 0x63)],
    ["with a client id that is no UTF-8", connect(...mqtt4, 2, 0, 0, 0, 2, 0xc3, 0x28)],
    ["with U+0000 in its client id", connect(...mqtt4, 2, 0, 0, 0, 1, 0)],
    ["with a password but no user", connect(...mqtt4, 0x42, 0, 0, 0, 1, 0x63, 0, 1, 0x70)],
    ["with a CONNECT over the limit", Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])],
  ])("%s", async (_, bytes) => {
    const { port, broker, lines, listener } = await openGateway();
    const client = await RawClient.open(port);
    client.write(bytes);
    await client.closed;
    expect(client.received).toEqual([]);
    expect(broker.requests).toEqual([]);
    expect(lines).toMatchObject([{ event: "refused", level: "warn" }]);
    expect(lines[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(listener.stats().connectsRefused).toBe(1);
    await RawClient.connect(port, "the next one works");
  });

  test("when no CONNECT comes in time, or only a part of one", async () => {
    const clock = new SimClock(1);
    const { port, lines, listener } = await openGateway({
      clock,
      limits: { connectTimeoutMs: 5_000 },
    });
    const silent = await RawClient.open(port);
    const slow = await RawClient.open(port);
    slow.write(Buffer.from([0x10, 20, 0, 4]));
    await until(() => listener.stats().connections === 2);
    await clock.advance(4_900);
    expect(listener.stats().connections).toBe(2);
    await clock.advance(600);
    await Promise.all([silent.closed, slow.closed]);
    expect(lines.map(({ reason }) => reason)).toEqual([
      "server-unavailable: no CONNECT was taken in time",
      "server-unavailable: no CONNECT was taken in time",
    ]);
  });

  test("when admission takes longer than the connect timeout", async () => {
    const clock = new SimClock(1);
    const { port, broker } = await openGateway({ clock });
    let admit: () => void = () => undefined;
    broker.admission = () => new Promise((resolve) => (admit = () => resolve({ ns: "default" })));
    const client = await RawClient.open(port);
    client.send(client.hello("c"));
    await until(() => broker.requests.length === 1);
    await clock.advance(10_500);
    await client.closed;
    admit();
    await clock.advance(1);
    expect(broker.events).toEqual([]);
  });

  test("at once when there are as many connections as may be", async () => {
    const { port, listener } = await openGateway({ limits: { connectionsMax: 1 } });
    const first = await RawClient.connect(port, "first");
    const second = await RawClient.open(port);
    await second.closed;
    expect(listener.stats().acceptsRefused).toBe(1);
    await first.ping();
  });
});

describe("a client that is let in may not", () => {
  test.each<[string, Packet | Buffer, number]>([
    ["connect again", { cmd: "connect", clientId: "c", protocolVersion: 5 }, 0x82],
    ["authenticate anew", { cmd: "auth", reasonCode: 0 }, 0x82],
    ["send the packets of QoS 2", { cmd: "pubrel", messageId: 1, reasonCode: 0 }, 0x82],
    ["send what only servers send", { cmd: "pingresp" }, 0x82],
    ["send a reserved packet type", Buffer.from([0x00, 0]), 0x81],
    ["set flags in PINGREQ", Buffer.from([0xc1, 0]), 0x81],
    ["give PINGREQ a body", Buffer.from([0xc0, 1, 0]), 0x81],
    ["set flags in PUBACK", Buffer.from([0x41, 2, 0, 1]), 0x81],
    ["acknowledge packet 0", Buffer.from([0x40, 2, 0, 0]), 0x82],
    ["cut a PUBACK off", Buffer.from([0x40, 1, 0]), 0x81],
    ["subscribe to nothing", Buffer.from([0x82, 3, 0, 1, 0]), 0x82],
    ["subscribe with packet id 0", Buffer.from([0x82, 7, 0, 0, 0, 0, 1, 0x61, 1]), 0x82],
    ["subscribe with identifier 0", Buffer.from([0x82, 9, 0, 1, 2, 0x0b, 0, 0, 1, 0x61, 1]), 0x82],
    [
      "subscribe with two identifiers",
      Buffer.from([0x82, 11, 0, 1, 4, 0x0b, 1, 0x0b, 2, 0, 1, 0x61, 1]),
      0x82,
    ],
    ["subscribe with QoS 3", Buffer.from([0x82, 7, 0, 1, 0, 0, 1, 0x61, 3]), 0x81],
    ["subscribe with flags", Buffer.from([0x80, 7, 0, 1, 0, 0, 1, 0x61, 1]), 0x81],
    ["subscribe to U+0000", Buffer.from([0x82, 7, 0, 1, 0, 0, 1, 0, 1]), 0x81],
    ["subscribe to what is no UTF-8", Buffer.from([0x82, 8, 0, 1, 0, 0, 2, 0xc3, 0x28, 1]), 0x81],
    ["cut a SUBSCRIBE off", Buffer.from([0x82, 6, 0, 1, 0, 0, 9, 0x61]), 0x81],
    ["unsubscribe from nothing", Buffer.from([0xa2, 3, 0, 1, 0]), 0x82],
    ["disconnect with an unknown code", Buffer.from([0xe0, 1, 0x01]), 0x81],
    ["disconnect with a topic alias", Buffer.from([0xe0, 5, 0, 3, 0x23, 0, 1]), 0x82],
    ["send a length of five bytes", Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), 0x81],
  ])("%s", async (_, packet, code) => {
    const { port, lines, listener } = await openGateway();
    const five = await RawClient.connect(port, "five", 5);
    if (Buffer.isBuffer(packet)) five.write(packet);
    else five.send(packet);
    expect(await five.disconnected()).toBe(code);
    expect(lines.at(-1)).toMatchObject({ event: "ended", level: "warn", client: "five" });
    expect(lines.at(-1)?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(listener.stats().protocolErrors).toBe(1);
    await RawClient.connect(port, "the next one works", 5);
  });

  test("and a 3.1.1 client's connection is closed", async () => {
    const { port, lines } = await openGateway();
    const client = await RawClient.connect(port, "c");
    client.send(client.hello("c"));
    await client.closed;
    expect(client.unread).toEqual([]);
    expect(lines.at(-1)?.reason).toContain("MQTT-3.1.0-2");
  });
});

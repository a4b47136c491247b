import { connect } from "node:net";
import { isOperational } from "@millrace/shared/errors/operational";
import { systemClock } from "@millrace/shared/ports/clock";
import { afterEach, describe, expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { startMqttListener } from "./listener.ts";
import { MemoryBroker } from "./testing/memory-broker.ts";
import { closeGateways, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

/** Attacks: W4 of events-writer.ts; C1 and C2 of connection.ts; H1 and H2 of handshake.ts; B4 of outbox.ts. */

afterEach(closeGateways);

const will = { topic: "gone", payload: Buffer.from("c is gone"), qos: 1 as const, retain: false };

describe("a will", () => {
  test("is published when the connection is lost, and reaches other subscribers", async () => {
    const { port, broker, listener } = await openGateway();
    const other = await RawClient.connect(port, "other");
    await other.subscribe("gone");
    const client = await RawClient.connect(port, "c", 4, { will });
    client.socket.resetAndDestroy();
    const got = await other.nextPublish();
    expect(got).toMatchObject({ topic: "gone", payload: Buffer.from("c is gone"), qos: 1 });
    expect(broker.published[0]?.client).toMatchObject({ client: "c" });
    expect(listener.stats().willsPublished).toBe(1);
  });

  test("is not published after a DISCONNECT", async () => {
    const { port, broker, listener } = await openGateway();
    for (const level of [4, 5] as const) {
      const client = await RawClient.connect(port, `c${level}`, level, { will });
      client.send({ cmd: "disconnect", reasonCode: 0 });
      await client.closed;
    }
    await until(() => listener.stats().clients === 0);
    expect(broker.published).toEqual([]);
  });

  test("is published after a DISCONNECT that asks for it (0x04)", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c", 5, { will });
    client.send({ cmd: "disconnect", reasonCode: 4 });
    await client.closed;
    expect(broker.payloads).toEqual(["c is gone"]);
  });

  test("is published when the client breaks the protocol", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c", 4, { will });
    client.write(Buffer.from([0, 0]));
    await client.closed;
    expect(broker.payloads).toEqual(["c is gone"]);
  });

  test("comes after what its client published before, at its end too", async () => {
    const { port, broker } = await openGateway();
    broker.byHand = true;
    const other = await RawClient.connect(port, "other");
    await other.subscribe("#");
    const client = await RawClient.connect(port, "c", 4, { will });
    client.publish("t", "last words", 1);
    await until(() => broker.waiting.length === 1);
    client.close();
    await until(() => broker.waiting.length === 2);
    broker.waiting[1]?.resolve();
    await other.ping();
    expect(other.unread).toEqual([]);
    broker.waiting[0]?.resolve();
    expect((await other.nextPublish()).payload.toString()).toBe("last words");
    expect((await other.nextPublish()).payload.toString()).toBe("c is gone");
  });

  test("keeps its properties and its expiry; a delay ends with the session", async () => {
    const { port } = await openGateway();
    const other = await RawClient.connect(port, "other", 5);
    await other.subscribe("gone");
    const properties = {
      willDelayInterval: 3_600,
      messageExpiryInterval: 60,
      payloadFormatIndicator: true,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Buffer.from("k"),
      userProperties: { a: ["1", "2"], b: "3" },
    };
    const client = await RawClient.connect(port, "c", 5, { will: { ...will, properties } });
    client.close();
    const { willDelayInterval: _, ...rest } = properties;
    const got = JSON.parse(JSON.stringify((await other.nextPublish()).properties)) as object;
    expect(got).toEqual(JSON.parse(JSON.stringify(rest)));
  });

  test("goes to the broker even while that is congested", async () => {
    const { port, broker } = await openGateway();
    const client = await RawClient.connect(port, "c", 4, { will });
    broker.isCongested = true;
    client.close();
    await until(() => broker.published.length === 1);
  });

  test("that the broker refuses harms nobody", async () => {
    const { port, broker, lines } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 4, { will });
    client.close();
    await until(() => broker.waiting.length === 1);
    broker.waiting[0]?.reject(new Error("no"));
    await until(() => lines.some(({ event }) => event === "publish-failed"));
  });
});

describe("a client id that connects again", () => {
  test("takes the older connection's place, which hears so and has its will published", async () => {
    const { port, broker, listener } = await openGateway();
    const older = await RawClient.connect(port, "c", 5, { will });
    await older.subscribe("a/b");
    const newer = await RawClient.connect(port, "c", 4);
    expect(await older.disconnected()).toBe(0x8e);
    expect(broker.payloads).toEqual(["c is gone"]);
    expect(broker.events).toEqual([
      "attached c",
      "subscribed default a/b",
      "unsubscribed default a/b",
      "detached c",
      "attached c",
    ]);
    expect(listener.stats()).toMatchObject({ clients: 1, takeovers: 1 });
    await newer.ping();
  });

  test("closes an older 3.1.1 connection", async () => {
    const { port } = await openGateway();
    const older = await RawClient.connect(port, "c", 4);
    await RawClient.connect(port, "c", 4);
    await older.closed;
    expect(older.unread).toEqual([]);
  });

  test("in another namespace takes nobody's place", async () => {
    const { port, broker } = await openGateway();
    const one = await RawClient.connect(port, "c");
    broker.admission = () => ({ ns: "tenant" });
    await RawClient.connect(port, "c");
    await one.ping();
  });

  test("and is refused, takes nobody's place (H1)", async () => {
    const { port, broker } = await openGateway();
    const older = await RawClient.connect(port, "c");
    broker.denied.add("publish gone");
    const newer = await RawClient.open(port, 5);
    expect((await newer.sayHello("c", { will })).reasonCode).toBe(0x87);
    await older.ping();
  });

  test("at another gateway ends the connection that it had here, and no newer one", async () => {
    const { port, listener } = await openGateway();
    const older = await RawClient.connect(port, "c", 5);
    const [info] = listener.connections();
    const named = info?.connection ?? "";
    expect(listener.takeOver("default", "c", `${named}0`)).toBe(false);
    await older.ping();
    expect(listener.takeOver("default", "c", named)).toBe(true);
    expect(await older.disconnected()).toBe(0x8e);
    const newer = await RawClient.connect(port, "c", 5);
    expect(listener.takeOver("default", "c", named)).toBe(false);
    await newer.ping();
  });

  test("leaves the place to the newest, however the connections end", async () => {
    const { port, listener, broker } = await openGateway();
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await RawClient.connect(port, "c"));
    for (const older of clients.slice(0, 4)) await older.closed;
    expect([...listener.connections()]).toHaveLength(1);
    expect(listener.disconnect("default", "c")).toBe(true);
    await clients[4]?.closed;
    expect(listener.disconnect("default", "c")).toBe(false);
    expect(broker.events.filter((event) => event === "detached c")).toHaveLength(5);
  });
});

describe("keep alive", () => {
  test("ends a connection that is silent for 1.5 times its interval", async () => {
    const clock = new SimClock(1);
    const { port, listener, broker } = await openGateway({ clock });
    const silent = await RawClient.connect(port, "silent", 5, { keepalive: 10, will });
    const lively = await RawClient.connect(port, "lively", 4, { keepalive: 10 });
    const forever = await RawClient.connect(port, "forever", 4, { keepalive: 0 });
    await clock.advance(10_000);
    await lively.ping();
    await clock.advance(4_900);
    expect(listener.stats().clients).toBe(3);
    await clock.advance(400);
    expect(await silent.disconnected()).toBe(0x8d);
    expect(broker.payloads).toEqual(["c is gone"]);
    await clock.advance(8_000);
    expect(listener.stats().clients).toBe(2);
    await clock.advance(2_500);
    await lively.closed;
    await clock.advance(86_400_000);
    await forever.ping();
    expect(listener.stats()).toMatchObject({ clients: 1, keepAliveTimeouts: 2 });
  });

  test("is the server's for an MQTT 5 client that wants none", async () => {
    const clock = new SimClock(1);
    const { port } = await openGateway({ clock, limits: { keepAliveSecondsMax: 100 } });
    const client = await RawClient.connect(port, "c", 5, { keepalive: 0 });
    await clock.advance(150_500);
    expect(await client.disconnected()).toBe(0x8d);
  });

  test("counts whole packets only: half a packet now and then is silence", async () => {
    const clock = new SimClock(1);
    const { port, listener } = await openGateway({ clock });
    const client = await RawClient.connect(port, "c", 4, { keepalive: 10 });
    client.write(Buffer.from([0x30, 100, 0, 1]));
    for (let i = 0; i < 16 && listener.stats().clients === 1; i++) {
      client.write(Buffer.from([0x74]));
      await clock.advance(1_000);
    }
    await client.closed;
  });

  test("does not run against a client that is not read because of us", async () => {
    const clock = new SimClock(1);
    const { port, broker, listener } = await openGateway({ clock });
    const client = await RawClient.connect(port, "c", 4, { keepalive: 10 });
    broker.isCongested = true;
    client.publish("t", "x", 1);
    await until(() => listener.stats().held === 1);
    await clock.advance(100_000);
    expect(listener.stats().clients).toBe(1);
    broker.relieve();
    await client.next("puback");
    await clock.advance(14_000);
    expect(listener.stats().clients).toBe(1);
    await clock.advance(1_500);
    await client.closed;
  });
});

describe("while the broker is congested", () => {
  test("QoS 1 is not read, and goes on in order when that ends", async () => {
    const { port, broker, listener } = await openGateway();
    const clients = await Promise.all(["a", "b"].map((id) => RawClient.connect(port, id)));
    broker.isCongested = true;
    for (const [i, client] of clients.entries()) {
      client.send(...[1, 2, 3].map((id) => publishPacket("t", `${i}-${id}`, id)));
    }
    await until(() => listener.stats().held === 2);
    expect(broker.published).toEqual([]);
    broker.relieve();
    for (const client of clients) {
      for (const messageId of [1, 2, 3]) {
        expect(await client.next("puback")).toMatchObject({ messageId });
      }
    }
    expect(broker.payloads.filter((text) => text.startsWith("1"))).toEqual(["1-1", "1-2", "1-3"]);
    expect(listener.stats().held).toBe(0);
  });

  test("QoS 0 is dropped and counted", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    broker.isCongested = true;
    for (let i = 0; i < 5; i++) client.publish("t", "x");
    await client.ping();
    expect(broker.published).toEqual([]);
    expect(listener.stats().publishesDropped).toBe(5);
  });

  test("sockets fill up and memory does not", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    broker.isCongested = true;
    client.publish("t", "x", 1);
    await until(() => listener.stats().held === 1);
    const packet = publishPacket("t", Buffer.alloc(100_000), 2);
    for (let i = 0; i < 200; i++) client.send(packet);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // 20 MB were offered; what did not fit into the kernel's buffers is still with the client.
    expect(client.socket.writableLength).toBeGreaterThan(8_000_000);
    expect(broker.published).toEqual([]);
    client.close();
  });

  test("whoever must wait again goes behind the others", async () => {
    const { port, broker, listener } = await openGateway();
    const clients = await Promise.all(["a", "b"].map((id) => RawClient.connect(port, id)));
    broker.isCongested = true;
    for (const client of clients)
      client.send(publishPacket("t", "1", 1), publishPacket("t", "2", 2));
    await until(() => listener.stats().held === 2);
    const publish = broker.publish.bind(broker);
    broker.publish = (publication) => {
      broker.isCongested = true;
      return publish(publication);
    };
    for (let i = 1; i <= 4; i++) {
      broker.relieve();
      await until(() => broker.published.length === i);
    }
    const order = broker.published.map(({ client }) => client.client);
    expect(order).toEqual([order[0], order[1], order[0], order[1]]);
    expect(order[0]).not.toBe(order[1]);
  });

  test("a held connection that is ended hears why, and is forgotten", async () => {
    const { port, broker, listener } = await openGateway({ limits: { lingerMs: 60_000 } });
    const client = await RawClient.connect(port, "c", 5);
    broker.isCongested = true;
    for (let i = 1; i < 200; i++) client.publish("t", Buffer.alloc(100_000), i);
    await until(() => listener.stats().held === 1);
    expect(listener.disconnect("default", "c")).toBe(true);
    expect(await client.disconnected()).toBe(0x98);
    expect(listener.stats().held).toBe(0);
    broker.relieve();
    expect(broker.published).toEqual([]);
  });
});

describe("an operator", () => {
  test("ends a client's connection with a word of their choice", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    expect(listener.disconnect("default", "c", "quota-exceeded")).toBe(true);
    expect(await client.disconnected()).toBe(0x97);
    const other = await RawClient.connect(port, "c", 5);
    listener.disconnect("default", "c");
    expect(await other.disconnected()).toBe(0x98);
  });
});

describe("a client that goes away without a word", () => {
  test("by closing its half of the connection is gone", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    client.socket.end();
    await until(() => listener.stats().connections === 0);
    await client.closed;
  });

  test("by closing its half while it leaves ours unread is gone too", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe("t");
    client.socket.pause();
    for (let i = 0; i < 130; i++) {
      void listener.deliver({ ns: "default", topic: "t", payload: Buffer.alloc(60_000), qos: 0 });
    }
    client.socket.end();
    await until(() => listener.stats().connections === 0);
    client.close();
  });

  test("with bytes of ours unread is cut off after a while", async () => {
    const { port, listener } = await openGateway({ limits: { lingerMs: 300 } });
    const client = await RawClient.connect(port, "c");
    await client.subscribe("t");
    client.socket.pause();
    for (let i = 0; i < 100; i++) {
      void listener.deliver({ ns: "default", topic: "t", payload: Buffer.alloc(60_000), qos: 0 });
    }
    listener.disconnect("default", "c");
    expect(listener.stats().connections).toBe(1);
    await until(() => listener.stats().connections === 0);
    client.close();
  });
});

describe("a shutdown", () => {
  test("tells MQTT 5 clients, closes the others, and takes nobody in", async () => {
    const { port, listener } = await openGateway();
    const five = await RawClient.connect(port, "five", 5);
    const four = await RawClient.connect(port, "four", 4);
    const unheard = await RawClient.open(port);
    const closing = listener.close({ drainMs: 5_000 });
    expect(await five.disconnected()).toBe(0x8b);
    await Promise.all([four.closed, unheard.closed]);
    await closing;
    const late = connect(port, "127.0.0.1");
    await new Promise((resolve) => late.once("error", resolve));
  });

  test("waits for the PUBACKs of what was taken", async () => {
    const { port, broker, listener } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 5);
    client.publish("t", "x", 1);
    await until(() => broker.waiting.length === 1);
    let isClosed = false;
    const closing = listener.close({ drainMs: 5_000 }).then(() => (isClosed = true));
    client.publish("t", "not taken any more", 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isClosed).toBe(false);
    broker.waiting[0]?.resolve();
    expect(await client.next("puback")).toMatchObject({ messageId: 1 });
    expect(await client.disconnected()).toBe(0x8b);
    await closing;
    expect(broker.payloads).toEqual(["x"]);
  });

  test("publishes wills, and waits for the broker to have them", async () => {
    const { port, broker, listener } = await openGateway();
    broker.byHand = true;
    await RawClient.connect(port, "c", 4, { will });
    let isClosed = false;
    const closing = listener.close({ drainMs: 5_000 }).then(() => (isClosed = true));
    await until(() => broker.waiting.length === 1);
    await until(() => listener.stats().connections === 0);
    expect(isClosed).toBe(false);
    broker.waiting[0]?.resolve();
    await closing;
    expect(broker.payloads).toEqual(["c is gone"]);
  });

  test("does not wait longer than it was told", async () => {
    const { port, broker, listener } = await openGateway();
    broker.byHand = true;
    const client = await RawClient.connect(port, "c", 5);
    client.publish("t", "x", 1);
    await until(() => broker.waiting.length === 1);
    const started = performance.now();
    await listener.close({ drainMs: 100 });
    expect(performance.now() - started).toBeLessThan(1_500);
    await client.closed;
    expect(client.unread.filter(({ cmd }) => cmd === "puback")).toEqual([]);
  });

  test("leaves deliveries to be tried elsewhere", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe("t");
    const outcome = listener.deliver({
      ns: "default",
      topic: "t",
      payload: Buffer.from("x"),
      qos: 1,
    });
    await client.nextPublish();
    await listener.close({ drainMs: 100 });
    expect(await outcome).toEqual({ outcome: "none" });
  });
});

describe("a listener", () => {
  test("says which port is in use, and the setting to change", async () => {
    const { port } = await openGateway();
    const second = startMqttListener({
      host: "127.0.0.1",
      port,
      broker: new MemoryBroker(),
      clock: systemClock,
      log: () => undefined,
    });
    const error: unknown = await second.catch((thrown: unknown) => thrown);
    expect(isOperational(error, "START-001")).toBe(true);
    expect(error).toMatchObject({
      facts: { host: "127.0.0.1", port, setting: "MILLRACE_MQTT_PORT" },
    });
  });
});

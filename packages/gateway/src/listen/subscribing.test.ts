import { once } from "node:events";
import { connect } from "node:net";
import { generate } from "mqtt-packet";
import { afterEach, describe, expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import type { Command } from "../deliver/message.ts";
import { closeGateways, openGateway, until } from "./testing/open-gateway.ts";
import { publishPacket, RawClient } from "./testing/raw-client.ts";

/** Attacks: B1, B2, B3 and B4 of outbox.ts; O2 of outlet.ts. */

afterEach(closeGateways);

function command(more: Partial<Command> = {}): Command {
  return { ns: "default", topic: "a/b", payload: Buffer.from("x"), qos: 1, ...more };
}

describe("a subscription", () => {
  test.each([4, 5] as const)(
    "is granted the QoS it asks for, QoS 2 as 1 (level %i)",
    async (level) => {
      const { port, broker } = await openGateway();
      const client = await RawClient.connect(port, "c", level);
      const granted = await client.subscribe([
        { topic: "a", qos: 0 },
        { topic: "b/+", qos: 1 },
        { topic: "#", qos: 2 },
      ]);
      expect(granted).toEqual([0, 1, 1]);
      expect(broker.events).toEqual([
        "attached c",
        "subscribed default a",
        "subscribed default b/+",
        "subscribed default #",
      ]);
    },
  );

  test.each([
    [4, [1, 0x80, 0x80, 0x80, 0x80, 1, 0x80]],
    [5, [1, 0x9e, 0x87, 0x8f, 0x8f, 1, 0x97]],
  ] as const)("is refused by itself, and the others granted (level %i)", async (level, codes) => {
    const { port, broker } = await openGateway({
      limits: { subscriptionsPerClientMax: 2, topicLevelsMax: 4 },
    });
    broker.denied.add("subscribe forbidden");
    const client = await RawClient.connect(port, "c", level);
    const filters = ["a", "$share/g/a", "forbidden", "a/#/b", "a/b/c/d/e", "b", "one too many"];
    expect(await client.subscribe(filters.map((topic) => ({ topic })))).toEqual(codes);
    // The one that it has may be had again.
    expect(await client.subscribe("a")).toEqual([1]);
  });

  test("is replaced by another one with the same filter", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe([{ topic: "a/b", qos: 1 }], { subscriptionIdentifier: 1 });
    await client.subscribe([{ topic: "a/b", qos: 0 }], { subscriptionIdentifier: 300 });
    expect(await listener.deliver(command())).toEqual({ outcome: "delivered" });
    const got = await client.nextPublish();
    expect(got.qos).toBe(0);
    expect(got.properties).toEqual({ subscriptionIdentifier: 300 });
    expect(broker.events.filter((event) => event.startsWith("subscribed"))).toHaveLength(1);
  });

  test("ends with UNSUBSCRIBE, which says whether there was one", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe("a/b");
    client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a/b", "x"] });
    expect(await client.next("unsuback")).toMatchObject({ messageId: 3, granted: [0, 0x11] });
    expect(broker.events.at(-1)).toBe("unsubscribed default a/b");
    expect(await listener.deliver(command())).toEqual({ outcome: "none" });
  });

  test("ends with UNSUBSCRIBE for 3.1.1 too", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 4);
    await client.subscribe("a/b");
    client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a/b", "x"] });
    expect(await client.next("unsuback")).toMatchObject({ messageId: 3 });
    expect(await listener.deliver(command())).toEqual({ outcome: "none" });
  });

  test("ends with the connection", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/+");
    client.close();
    await until(() => listener.stats().clients === 0);
    expect(broker.events.slice(-2)).toEqual(["unsubscribed default a/+", "detached c"]);
    expect(await listener.deliver(command())).toEqual({ outcome: "none" });
  });

  test("with No Local does not bring back what its client publishes", async () => {
    const { port } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe([{ topic: "a/b", nl: true }]);
    client.publish("a/b", "own", 1);
    await client.next("puback");
    const other = await RawClient.connect(port, "other", 5);
    other.publish("a/b", "other", 1);
    expect((await client.nextPublish()).payload.toString()).toBe("other");
  });

  test("that overlaps another brings one copy, with both identifiers", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe([{ topic: "a/+", qos: 0, rap: true }], { subscriptionIdentifier: 1 });
    await client.subscribe([{ topic: "#", qos: 1 }], { subscriptionIdentifier: 2 });
    void listener.deliver(command());
    const got = await client.nextPublish();
    expect(got).toMatchObject({ qos: 1, retain: false });
    expect(new Set([got.properties?.subscriptionIdentifier].flat())).toEqual(new Set([1, 2]));
    client.puback(got.messageId);
    await client.ping();
    expect(client.unread).toEqual([]);
  });
});

describe("a command", () => {
  test("is delivered when the device acknowledges it, and not before", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/b");
    let outcome: unknown;
    const delivery = listener.deliver(command()).then((said) => (outcome = said));
    const got = await client.nextPublish();
    await client.ping();
    expect(outcome).toBeUndefined();
    client.puback(got.messageId);
    await delivery;
    expect(outcome).toEqual({ outcome: "delivered" });
  });

  test("at QoS 0 is delivered when the socket took it", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/b");
    expect(await listener.deliver(command({ qos: 0 }))).toEqual({ outcome: "delivered" });
    expect((await client.nextPublish()).qos).toBe(0);
  });

  test("is delivered with code 0x10, and refused with one of 0x80 or more", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5);
    await client.subscribe("a/b");
    const first = listener.deliver(command());
    client.puback((await client.nextPublish()).messageId, 0x10);
    expect(await first).toEqual({ outcome: "delivered" });
    const second = listener.deliver(command());
    client.puback((await client.nextPublish()).messageId, 0x99);
    expect(await second).toEqual({ outcome: "refused", code: 0x99 });
  });

  test("carries its effect id as Correlation Data to MQTT 5, and is applied once", async () => {
    const { port, listener } = await openGateway();
    const five = await RawClient.connect(port, "five", 5);
    const four = await RawClient.connect(port, "four", 4);
    for (const client of [five, four]) await client.subscribe([{ topic: "a/b", qos: 0 }]);
    const id = "default/light/r%2F1/17/3/0";
    await Promise.all([listener.deliver(command({ id })), listener.deliver(command({ id }))]);
    await listener.deliver(command({ id }));
    const { properties } = await five.nextPublish();
    expect(properties).toEqual({ correlationData: Buffer.from(id) });
    expect((await four.nextPublish()).payload.toString()).toBe("x");
    for (const client of [five, four]) {
      await client.ping();
      expect(client.unread).toEqual([]);
    }
  });

  test("is refused while its device may not receive", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe([{ topic: "a/b", qos: 0 }]);
    expect(await listener.deliver(command())).toEqual({ outcome: "delivered" });
    broker.denied.add("receive a/b");
    expect(await listener.deliver(command())).toEqual({ outcome: "refused", code: 0x87 });
    expect(listener.stats().sendsDenied).toBe(1);
  });

  test("is nobody's when the connection dies before PUBACK, and can be tried again", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/b");
    const first = listener.deliver(command({ id: "e" }));
    await client.nextPublish();
    client.close();
    expect(await first).toEqual({ outcome: "none" });

    const again = await RawClient.connect(port, "c");
    await again.subscribe("a/b");
    const second = listener.deliver(command({ id: "e" }));
    again.puback((await again.nextPublish()).messageId);
    expect(await second).toEqual({ outcome: "delivered" });
  });

  test("stays in its namespace", async () => {
    const { port, broker, listener } = await openGateway();
    broker.admission = () => ({ ns: "tenant" });
    const client = await RawClient.connect(port, "c");
    await client.subscribe("#");
    expect(await listener.deliver(command())).toEqual({ outcome: "none" });
    expect(await listener.deliver(command({ ns: "tenant", qos: 0 }))).toEqual({
      outcome: "delivered",
    });
  });
});

describe("what a device published at another gateway", () => {
  test("reaches the subscribers here, but not its own No Local subscription", async () => {
    const { port, listener } = await openGateway();
    const one = await RawClient.connect(port, "one", 5);
    const two = await RawClient.connect(port, "two", 5);
    for (const client of [one, two]) await client.subscribe([{ topic: "a/b", nl: true }]);
    listener.publish(command(), { client: "one" });
    expect((await two.nextPublish()).payload.toString()).toBe("x");
    await one.ping();
    expect(one.unread).toEqual([]);
  });
});

describe("what a client can take", () => {
  test("bounds what is unacknowledged; the rest waits and keeps its order", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5, { properties: { receiveMaximum: 2 } });
    await client.subscribe("a/b");
    const outcomes = [1, 2, 3, 4].map((n) =>
      listener.deliver(command({ payload: Buffer.from(`${n}`) })),
    );
    const first = await client.nextPublish();
    const second = await client.nextPublish();
    await client.ping();
    expect(client.unread).toEqual([]);
    client.puback(second.messageId);
    const third = await client.nextPublish();
    client.puback(first.messageId);
    const fourth = await client.nextPublish();
    expect([third, fourth].map(({ payload }) => payload.toString())).toEqual(["3", "4"]);
    client.puback(third.messageId);
    client.puback(fourth.messageId);
    expect(await Promise.all(outcomes)).toEqual(
      Array.from({ length: 4 }, () => ({ outcome: "delivered" })),
    );
  });

  test("makes QoS 0 wait too, behind QoS 1 that came before (B1)", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5, { properties: { receiveMaximum: 1 } });
    await client.subscribe("a/b");
    for (const [i, qos] of ([1, 1, 0] as const).entries()) {
      void listener.deliver(command({ qos, payload: Buffer.from(`${i}`) }));
    }
    const first = await client.nextPublish();
    await client.ping();
    expect(client.unread).toEqual([]);
    client.puback(first.messageId);
    expect((await client.nextPublish()).payload.toString()).toBe("1");
    expect((await client.nextPublish()).payload.toString()).toBe("2");
  });

  test("never means two packets with the same id, even when the ids begin again", async () => {
    const { port, listener } = await openGateway({
      limits: { outboundMessagesMax: 70_000, outboundBytesMax: 100_000_000 },
    });
    const client = await RawClient.connect(port, "c", 4);
    await client.subscribe("a/b");
    const send = () => listener.deliver(command({ payload: Buffer.alloc(0) }));
    const unanswered = send();
    const { messageId } = await client.nextPublish();
    const others = Array.from({ length: 65_540 }, send);
    const used: number[] = [];
    while (used.length < others.length) {
      const next = await client.nextPublish();
      used.push(next.messageId);
      client.puback(next.messageId);
    }
    await Promise.all(others);
    expect(used).not.toContain(messageId);
    expect(new Set(used).size).toBe(65_534);
    client.puback(messageId);
    expect(await unanswered).toEqual({ outcome: "delivered" });
  });

  test("of a 3.1.1 client is our own receive maximum", async () => {
    const { port, listener } = await openGateway({ limits: { receiveMax: 2 } });
    const client = await RawClient.connect(port, "c", 4);
    await client.subscribe("a/b");
    for (let i = 0; i < 3; i++) void listener.deliver(command());
    await client.nextPublish();
    await client.nextPublish();
    await client.ping();
    expect(client.unread).toEqual([]);
  });

  test("is no packet above its Maximum Packet Size", async () => {
    const { port, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5, {
      properties: { maximumPacketSize: 100 },
    });
    await client.subscribe("a/b");
    const outcome = await listener.deliver(command({ payload: Buffer.alloc(100) }));
    expect(outcome).toEqual({ outcome: "refused", code: 0x95 });
    expect(listener.stats().sendsDroppedTooLarge).toBe(1);
    expect(await listener.deliver(command({ qos: 0 }))).toEqual({ outcome: "delivered" });
  });

  test("does not wait for a right that was revoked meanwhile", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await RawClient.connect(port, "c", 5, { properties: { receiveMaximum: 1 } });
    await client.subscribe("a/b");
    const first = listener.deliver(command());
    const second = listener.deliver(command());
    const got = await client.nextPublish();
    broker.denied.add("receive a/b");
    client.puback(got.messageId);
    expect(await first).toEqual({ outcome: "delivered" });
    expect(await second).toEqual({ outcome: "refused", code: 0x87 });
  });
});

describe("a message that expires", () => {
  test("tells an MQTT 5 subscriber what is left of its time", async () => {
    const clock = new SimClock(1);
    const { port, listener } = await openGateway({ clock });
    const client = await RawClient.connect(port, "c", 5, { properties: { receiveMaximum: 1 } });
    await client.subscribe("#");
    const other = await RawClient.connect(port, "other", 5);
    void listener.deliver(command());
    const { messageId } = await client.nextPublish();
    other.publish("a/b", "x", 1, { properties: { messageExpiryInterval: 10 } });
    await other.next("puback");
    await clock.advance(3_500);
    client.puback(messageId);
    expect((await client.nextPublish()).properties).toEqual({ messageExpiryInterval: 7 });
  });

  test("is not sent after its time, to 3.1.1 clients either", async () => {
    const clock = new SimClock(1);
    const { port, listener } = await openGateway({ clock, limits: { receiveMax: 1 } });
    const client = await RawClient.connect(port, "c", 4);
    await client.subscribe("a/b");
    void listener.deliver(command());
    const { messageId } = await client.nextPublish();
    const late = listener.deliver(command({ expiresAtMs: clock.wallMs() + 1_000 }));
    await clock.advance(1_000);
    client.puback(messageId);
    expect(await late).toEqual({ outcome: "none" });
    expect(listener.stats().sendsDroppedExpired).toBe(1);
  });
});

describe("a subscriber that does not read", () => {
  const large = Buffer.alloc(64_000);

  test("loses QoS 0 first, is refused QoS 1 over the bound, and gets the rest in order", async () => {
    const { port, listener } = await openGateway({ limits: { outboundMessagesMax: 20 } });
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/b");
    client.socket.pause();
    // Until neither the kernel nor the socket takes more.
    const sent = () => listener.stats().sentQos0;
    for (let before = -1; before !== sent(); ) {
      before = sent();
      for (let i = 0; i < 10; i++) void listener.deliver(command({ qos: 0, payload: large }));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const stuck = sent();
    const full = Array.from({ length: 40 }, () => listener.deliver(command({ qos: 0 })));
    expect(await full.at(-1)).toEqual({ outcome: "refused", code: 0x97 });
    const important = Array.from({ length: 20 }, (_, i) =>
      listener.deliver(command({ payload: Buffer.from(`important ${i}`) })),
    );
    expect(await listener.deliver(command())).toEqual({ outcome: "refused", code: 0x97 });
    expect(await listener.deliver(command({ qos: 0 }))).toEqual({ outcome: "refused", code: 0x97 });
    expect(listener.stats().sendsDroppedSlow).toBeGreaterThanOrEqual(40);

    client.socket.resume();
    for (let i = 0; i < stuck; i++)
      expect((await client.nextPublish()).payload.length).toBe(64_000);
    for (let i = 0; i < 20; i++) {
      const got = await client.nextPublish();
      expect(got.payload.toString()).toBe(`important ${i}`);
      client.puback(got.messageId);
    }
    expect(await Promise.all(important)).toEqual(
      Array.from({ length: 20 }, () => ({ outcome: "delivered" })),
    );
  });

  test("holds no more than the bound of bytes", async () => {
    const { port, listener } = await openGateway({
      limits: { outboundBytesMax: 200_000, receiveMax: 1 },
    });
    const client = await RawClient.connect(port, "c");
    await client.subscribe("a/b");
    const outcomes = Array.from({ length: 10 }, () =>
      listener.deliver(command({ payload: large })),
    );
    const refused = outcomes.slice(4);
    expect(await Promise.all(refused)).toEqual(
      Array.from({ length: 6 }, () => ({ outcome: "refused", code: 0x97 })),
    );
    for (let i = 0; i < 4; i++) client.puback((await client.nextPublish()).messageId);
    expect(await Promise.all(outcomes.slice(0, 4))).toEqual(
      Array.from({ length: 4 }, () => ({ outcome: "delivered" })),
    );
  });

  test("is not read either while it leaves our answers unread", async () => {
    const { port, broker } = await openGateway();
    const client = connect({ port, host: "127.0.0.1" });
    client.write(generate({ cmd: "connect", clientId: "c", clean: true, keepalive: 0 }));
    await once(client, "readable");
    // Never read: the kernel takes some megabytes of answers, and the gateway half of one.
    const pings = Buffer.alloc(1_000_000, Buffer.from([0xc0, 0]));
    let stalled = 0;
    for (let written = 0; stalled < 10 && written < 40; ) {
      if (client.writableLength === 0) {
        client.write(pings);
        written++;
        stalled = 0;
      } else {
        stalled++;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(stalled).toBe(10);
    client.write(generate(publishPacket("t", "after all", 1)));
    client.resume();
    await until(() => broker.payloads.includes("after all"));
    client.destroy();
  });
});

import { describe, expect, test } from "vitest";
import { Deliveries } from "./deliveries.ts";
import type { Message } from "./message.ts";
import type { Copy, Subscriber, Subscription } from "./subscriber.ts";

/** Attacks: D1 and D2 of delivery.ts. */

/** A subscriber that keeps its copies, for the test to answer. */
class Listener implements Subscriber {
  readonly copies: Copy[] = [];
  allowed = true;
  readonly ns: string;
  readonly client: string;

  constructor(client: string, ns = "default") {
    this.client = client;
    this.ns = ns;
  }

  mayReceive(): boolean {
    return this.allowed;
  }

  take(copy: Copy): void {
    this.copies.push(copy);
  }

  to(filter: string, more: Partial<Subscription> = {}): Subscription {
    return { subscriber: this, filter, qos: 1, noLocal: false, identifier: undefined, ...more };
  }
}

function message(more: Partial<Message> & { id?: string } = {}): Message & { id?: string } {
  return { ns: "default", topic: "a/b", payload: Buffer.from("x"), qos: 1, ...more };
}

function deliveriesTo(...subscriptions: Subscription[]): Deliveries & { events: string[] } {
  const events: string[] = [];
  const deliveries = new Deliveries(
    {
      subscribed: (ns, filter) => events.push(`+${ns} ${filter}`),
      unsubscribed: (ns, filter) => events.push(`-${ns} ${filter}`),
    },
    10,
  );
  for (const subscription of subscriptions) deliveries.subscribe(subscription);
  return Object.assign(deliveries, { events });
}

describe("a message", () => {
  test("goes to every subscriber once, at the highest QoS of its filters that match", () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const deliveries = deliveriesTo(
      one.to("a/+", { qos: 0 }),
      one.to("a/#", { qos: 1 }),
      two.to("a/b", { qos: 0 }),
      two.to("x", { qos: 1 }),
    );
    deliveries.publish(message(), { client: "other" });
    expect(one.copies.map(({ qos }) => qos)).toEqual([1]);
    expect(two.copies.map(({ qos }) => qos)).toEqual([0]);
  });

  test("goes at the highest QoS whichever of the filters has it", () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    deliveriesTo(
      one.to("a/#", { qos: 0 }),
      one.to("a/b", { qos: 1 }),
      two.to("a/#", { qos: 1 }),
      two.to("a/b", { qos: 0 }),
    ).publish(message(), { client: "other" });
    expect([...one.copies, ...two.copies].map(({ qos }) => qos)).toEqual([1, 1]);
  });

  test("goes at no higher QoS than its own", () => {
    const one = new Listener("one");
    deliveriesTo(one.to("a/b")).publish(message({ qos: 0 }), { client: "other" });
    expect(one.copies[0]?.qos).toBe(0);
  });

  test("carries the identifiers of all subscriptions that match", () => {
    const one = new Listener("one");
    const deliveries = deliveriesTo(
      one.to("a/+", { identifier: 3 }),
      one.to("a/#"),
      one.to("a/b", { identifier: 4 }),
    );
    deliveries.publish(message(), { client: "other" });
    expect(new Set(one.copies[0]?.identifiers)).toEqual(new Set([3, 4]));
  });

  test("stays in its namespace", () => {
    const [here, there] = [new Listener("one"), new Listener("one", "tenant-2")];
    deliveriesTo(here.to("#"), there.to("#")).publish(message(), { client: "x" });
    expect([here.copies.length, there.copies.length]).toEqual([1, 0]);
  });

  test("does not come back to its publisher through a No Local subscription", () => {
    const one = new Listener("one");
    const deliveries = deliveriesTo(one.to("a/b", { noLocal: true }));
    deliveries.publish(message(), { client: "one" });
    expect(one.copies).toEqual([]);
    deliveries.publish(message(), { client: "two" });
    expect(one.copies.length).toBe(1);
  });

  test("comes back through its publisher's other subscription", () => {
    const one = new Listener("one");
    deliveriesTo(one.to("a/b", { noLocal: true }), one.to("a/+", { qos: 0 })).publish(message(), {
      client: "one",
    });
    expect(one.copies.map(({ qos }) => qos)).toEqual([0]);
  });
});

describe("the outcome of a delivery", () => {
  test("is none where nobody subscribed", async () => {
    expect(await deliveriesTo().deliver(message())).toEqual({ outcome: "none" });
  });

  test("is delivered with the first subscriber that has it (D1)", async () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const outcome = deliveriesTo(one.to("a/b"), two.to("a/b")).deliver(message());
    one.copies[0]?.delivery?.refused(0x83);
    two.copies[0]?.delivery?.acknowledged(0);
    expect(await outcome).toEqual({ outcome: "delivered" });
  });

  test("is delivered with a PUBACK code below 0x80", async () => {
    const one = new Listener("one");
    const outcome = deliveriesTo(one.to("a/b")).deliver(message());
    one.copies[0]?.delivery?.acknowledged(0x10);
    expect(await outcome).toEqual({ outcome: "delivered" });
  });

  test("is refused with the first code when all refuse", async () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const outcome = deliveriesTo(one.to("a/b"), two.to("a/b")).deliver(message());
    one.copies[0]?.delivery?.acknowledged(0x99);
    two.copies[0]?.delivery?.acknowledged(0x83);
    expect(await outcome).toEqual({ outcome: "refused", code: 0x99 });
  });

  test("is refused where the only subscriber may not receive", async () => {
    const one = new Listener("one");
    one.allowed = false;
    const outcome = deliveriesTo(one.to("a/b")).deliver(message());
    expect(await outcome).toEqual({ outcome: "refused", code: 0x87 });
    expect(one.copies).toEqual([]);
  });

  test("fails over to the others when a subscriber is lost", async () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const outcome = deliveriesTo(one.to("a/b"), two.to("a/b")).deliver(message());
    one.copies[0]?.delivery?.lost();
    two.copies[0]?.delivery?.delivered();
    expect(await outcome).toEqual({ outcome: "delivered" });
  });

  test("is none when a subscriber was lost and the others refused (D2)", async () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const outcome = deliveriesTo(one.to("a/b"), two.to("a/b")).deliver(message());
    one.copies[0]?.delivery?.lost();
    two.copies[0]?.delivery?.refused(0x87);
    expect(await outcome).toEqual({ outcome: "none" });
  });

  test("is refused for a topic that no message can have", async () => {
    const one = new Listener("one");
    const deliveries = deliveriesTo(one.to("#"));
    for (const topic of ["", "a/#", "a/+/b", "a\0", "x".repeat(65_536)]) {
      const outcome = await deliveries.deliver(message({ topic }));
      expect(outcome).toEqual({ outcome: "refused", code: 0x90 });
    }
    expect(one.copies).toEqual([]);
  });
});

describe("an effect", () => {
  test("is sent once however often it is handed over, with its id as Correlation Data", async () => {
    const one = new Listener("one");
    const deliveries = deliveriesTo(one.to("a/b"));
    const command = message({ id: "default/flow/key/0/1/0" });
    const both = [deliveries.deliver(command), deliveries.deliver(command)];
    one.copies[0]?.delivery?.acknowledged(0);
    expect(await Promise.all(both)).toEqual([{ outcome: "delivered" }, { outcome: "delivered" }]);
    expect(await deliveries.deliver(command)).toEqual({ outcome: "delivered" });
    expect(one.copies.length).toBe(1);
    const { properties } = one.copies[0]?.message ?? message();
    expect(properties?.correlationData?.toString()).toBe("default/flow/key/0/1/0");
  });

  test("is sent again when nobody had it the first time", async () => {
    const one = new Listener("one");
    const deliveries = deliveriesTo();
    expect(await deliveries.deliver(message({ id: "e" }))).toEqual({ outcome: "none" });
    deliveries.subscribe(one.to("a/b"));
    const second = deliveries.deliver(message({ id: "e" }));
    one.copies[0]?.delivery?.delivered();
    expect(await second).toEqual({ outcome: "delivered" });
  });
});

describe("the world", () => {
  test("hears of the first and the last subscriber of a filter only", () => {
    const [one, two] = [new Listener("one"), new Listener("two")];
    const [first, second] = [one.to("a/+"), two.to("a/+")];
    const deliveries = deliveriesTo(first, second);
    deliveries.unsubscribe(first);
    expect(deliveries.events).toEqual(["+default a/+"]);
    deliveries.unsubscribe(second);
    deliveries.unsubscribe(second);
    expect(deliveries.events).toEqual(["+default a/+", "-default a/+"]);
  });

  test("hears nothing when a client changes the options of its subscription", () => {
    const one = new Listener("one");
    const before = one.to("a/+", { qos: 0 });
    const deliveries = deliveriesTo(before);
    deliveries.replace(before, one.to("a/+", { qos: 1 }));
    deliveries.publish(message(), { client: "x" });
    expect(one.copies.map(({ qos }) => qos)).toEqual([1]);
    expect(deliveries.events).toEqual(["+default a/+"]);
  });
});

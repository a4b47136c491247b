import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { closeGateways, openGateway, until } from "./testing/open-gateway.ts";

/** Attacks: O1 of outlet.ts. */

const clients: MqttClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await closeGateways();
});

async function open(port: number, options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync({
    port,
    host: "127.0.0.1",
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  return client;
}

const run = promisify(execFile);

describe.each([4, 5] as const)("mqtt.js with MQTT level %i", (protocolVersion) => {
  test("publishes, subscribes and gets its commands", async () => {
    const { port, broker, listener } = await openGateway();
    const client = await open(port, { protocolVersion, clientId: "lamp", keepalive: 30 });
    const got: string[] = [];
    client.on("message", (topic, payload) => got.push(`${topic} ${payload.toString()}`));
    await client.subscribeAsync("site/lamp/light/set", { qos: 1 });
    await client.publishAsync("site/lamp/motion", '{"lux":10}', { qos: 1 });
    await client.publishAsync("site/lamp/motion", '{"lux":11}', { qos: 0 });
    const outcome = await listener.deliver({
      ns: "default",
      topic: "site/lamp/light/set",
      payload: Buffer.from('{"level":100}'),
      qos: 1,
      id: "default/light/lamp/0/1/0",
    });
    expect(outcome).toEqual({ outcome: "delivered" });
    await until(() => broker.published.length === 2);
    expect(broker.payloads).toEqual(['{"lux":10}', '{"lux":11}']);
    expect(got).toEqual(['site/lamp/light/set {"level":100}']);
    await client.unsubscribeAsync("site/lamp/light/set");
    expect(broker.events.at(-1)).toBe("unsubscribed default site/lamp/light/set");
  });

  test("sends a thousand messages, and all come back in order", async () => {
    const { port } = await openGateway();
    const subscriber = await open(port, { protocolVersion, clientId: "subscriber" });
    const got: number[] = [];
    subscriber.on("message", (_, payload) => got.push(Number(payload.toString())));
    await subscriber.subscribeAsync("n", { qos: 1 });
    const publisher = await open(port, { protocolVersion, clientId: "publisher" });
    const numbers = Array.from({ length: 1_000 }, (_, i) => i);
    // mqtt.js does not heed the server's Receive Maximum (64) by itself.
    for (let at = 0; at < 1_000; at += 50) {
      const some = numbers.slice(at, at + 50);
      await Promise.all(some.map((n) => publisher.publishAsync("n", `${n}`, { qos: 1 })));
    }
    await until(() => got.length === 1_000);
    expect(got).toEqual(numbers);
  });
});

describe("mqtt.js with MQTT 5", () => {
  test("is told why its publish was refused", async () => {
    const { port } = await openGateway();
    const client = await open(port, { protocolVersion: 5 });
    await expect(client.publishAsync("$SYS/x", "x", { qos: 1 })).rejects.toMatchObject({
      code: 0x90,
    });
  });
});

describe.each(["mqttv311", "mqttv5", "mqttv31"])("mosquitto's clients with %s", (version) => {
  test("publish and receive", async () => {
    const { port, broker } = await openGateway();
    const where = ["-h", "127.0.0.1", "-p", `${port}`, "-V", version];
    const subscriber = spawn("mosquitto_sub", [
      ...where,
      "-t",
      "a/+",
      "-q",
      "1",
      "-C",
      "2",
      "-i",
      "sub",
    ]);
    const closed = once(subscriber, "close");
    let output = "";
    subscriber.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString();
    });
    await until(() => broker.events.includes("subscribed default a/+"));
    const sent = [...where, "-t", "a/b", "-i", "pub", "--will-topic", "w", "--will-payload", "x"];
    await run("mosquitto_pub", [...sent, "-m", "one", "-q", "0"]);
    await run("mosquitto_pub", [...sent, "-m", "two", "-q", "1"]);
    const [code] = (await closed) as [number];
    expect([code, output]).toEqual([0, "one\ntwo\n"]);
    expect(broker.payloads).toEqual(["one", "two"]);
  });
});

describe("mosquitto_pub", () => {
  test("is told that its QoS 2 will cannot be kept", async () => {
    const { port } = await openGateway();
    const args = [
      "-h",
      "127.0.0.1",
      "-p",
      `${port}`,
      "-V",
      "mqttv5",
      "-t",
      "a",
      "-m",
      "x",
      "-i",
      "p",
    ];
    const will = ["--will-topic", "w", "--will-payload", "x", "--will-qos", "2"];
    const error = await run("mosquitto_pub", [...args, ...will]).catch((thrown: unknown) => thrown);
    expect((error as { stderr: string }).stderr).toContain("QoS");
  });

  test("sends a payload of 100 KiB", async () => {
    const { port, broker } = await openGateway();
    const args = ["-h", "127.0.0.1", "-p", `${port}`, "-t", "a", "-q", "1", "-i", "p", "-s"];
    const publisher = spawn("mosquitto_pub", args);
    const closed = once(publisher, "close");
    publisher.stdin.end(Buffer.alloc(100 * 1_024, "x"));
    expect(await closed).toEqual([0, null]);
    expect(broker.published[0]?.payload.length).toBe(100 * 1_024);
  });
});

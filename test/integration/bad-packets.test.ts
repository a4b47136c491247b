import { fileURLToPath } from "node:url";
import { RawClient } from "@millrace/gateway/listen/testing/raw-client";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { embeddedInstallation, sharedProcess } from "../support/millrace.ts";
import { until } from "../support/until.ts";

/**
 * Bytes that are no MQTT, or MQTT that may not be, end the connection that they come on and no other;
 * the log says why, and the counters count it.
 *
 * Attacks: C3 of connection.ts.
 */

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

const millrace = sharedProcess(() => embeddedInstallation(flows));
const port = (): number => Number(new URL(millrace().mqtt).port);
/** Connected before each piece of bad manners, and after it. */
const bystander = new CountingDevice("bystander");

type Counter = "protocolErrors" | "publishesRefused" | "connectsRefused";

/** Does something that has to be counted once, and to hurt nobody else. */
async function harmless(counters: readonly Counter[], work: () => Promise<void>): Promise<void> {
  if (!bystander.connected) await bystander.connect(millrace().mqtt);
  const before = (await millrace().readiness()).mqtt;
  await work();
  const after = (await millrace().readiness()).mqtt;
  const moved = (["protocolErrors", "publishesRefused", "connectsRefused"] as const).filter(
    (counter) => after[counter] === (before[counter] ?? 0) + 1,
  );
  expect(moved).toEqual(counters);
  await works(bystander);
}

/** The device's next event has its command. */
async function works(device: CountingDevice): Promise<void> {
  await device.tick(String(device.acknowledged.length));
  await until(() => device.echoed.length >= device.acknowledged.length);
  expect(device.echoed).toEqual(device.acknowledged);
}

/** Why the log says that a connection was refused or ended. */
async function reasons(msg: "mqtt refused" | "mqtt ended", { address }: { address: string }) {
  const lines = () =>
    millrace().log.filter((line) => line.msg === msg && line["address"] === address);
  await until(() => lines().length > 0);
  return lines().map(({ reason, level }) => ({ reason, level }));
}

const WARN = 40;

function addressOf({ socket }: RawClient): { address: string } {
  return { address: `${socket.localAddress}:${socket.localPort}` };
}

const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
};

/** A packet with a remaining length of one byte. */
const packet = (first: number, ...body: Buffer[]): Buffer => {
  const bytes = Buffer.concat(body);
  return Buffer.concat([Buffer.from([first, bytes.length]), bytes]);
};

/** From the protocol's name to the client's. */
const connect = (name: string, level: number, client: string | Buffer): Buffer =>
  packet(0x10, text(name), Buffer.from([level, 2, 0, 0]), text(client));

describe("a connection that begins with", () => {
  test.each<[string, Buffer, string]>([
    [
      "an HTTP request",
      Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
      "protocol-error: the first packet is no CONNECT [MQTT-3.1.0-1]",
    ],
    [
      "the hello of TLS",
      Buffer.from("16030100f8010000f40303", "hex"),
      "protocol-error: the first packet is no CONNECT [MQTT-3.1.0-1]",
    ],
    [
      "a PUBLISH",
      packet(0x30, text("topic"), Buffer.from("{}")),
      "protocol-error: the first packet is no CONNECT [MQTT-3.1.0-1]",
    ],
    [
      "a remaining length of five bytes",
      Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01]),
      "malformed-packet: a remaining length of more than 4 bytes (2.1.4)",
    ],
    [
      "the announcement of 256 MB",
      Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]),
      "packet-too-large: 268435460 bytes, at most 135168",
    ],
    [
      "another protocol's name",
      connect("AMQP", 4, "c"),
      "malformed-packet: a protocol name that is not MQTT",
    ],
    [
      "a client id that is no UTF-8",
      connect("MQTT", 4, Buffer.from([0xc3, 0x28])),
      "malformed-packet: a string that is no UTF-8 [MQTT-1.5.4-1]",
    ],
    [
      "a CONNECT that is cut off",
      packet(0x10, text("MQTT"), Buffer.from([4, 2, 0, 0, 0, 9])),
      "malformed-packet: ",
    ],
  ])("%s is closed without a word", async (_, bytes, why) => {
    await harmless(["protocolErrors", "connectsRefused"], async () => {
      const client = await RawClient.open(port());
      const address = addressOf(client);
      client.write(bytes);
      await client.closed;
      expect(client.received).toEqual([]);
      const [said, ...more] = await reasons("mqtt refused", address);
      expect(said?.level).toBe(WARN);
      expect(said?.reason).toContain(why);
      expect(more).toEqual([]);
    });
  });

  test("a version of MQTT that we do not speak is told so, in CONNACK", async () => {
    await harmless(["connectsRefused"], async () => {
      const client = await RawClient.open(port());
      const address = addressOf(client);
      client.write(connect("MQTT", 6, "c"));
      expect(await client.next("connack")).toMatchObject({ returnCode: 1 });
      await client.closed;
      const [said] = await reasons("mqtt refused", address);
      expect(said?.reason).toBe("protocol-not-supported: a level we do not speak");
    });
  });
});

/** What a client does that was let in. */
interface BadPacket {
  readonly what: string;
  readonly send: (client: RawClient) => void;
  /** Reason code of the DISCONNECT that MQTT 5 gets. */
  readonly code: number;
  readonly why: string;
  readonly counted: Counter;
  /** Where it is only in this version that it is wrong, or that the answer is this one. */
  readonly only?: 4 | 5;
}

/** Sends a PUBLISH at QoS 1 with any bytes for its topic. */
function publishTo(client: RawClient, topic: Buffer | string, packetId = 1): void {
  const rest = [0, packetId, ...(client.level === 5 ? [0] : [])];
  client.write(packet(0x32, text(topic), Buffer.from(rest), Buffer.from("{}")));
}

const badPackets: readonly BadPacket[] = [
  {
    what: "a remaining length of five bytes",
    send: (client) => client.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0x01])),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: a remaining length of more than 4 bytes (2.1.4)",
  },
  {
    what: "a remaining length in more bytes than it needs",
    send: (client) => client.write(Buffer.from([0xc0, 0x80, 0x00])),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: a length in more bytes than it needs [MQTT-1.5.5-1]",
  },
  {
    what: "a type of packet that there is not",
    send: (client) => client.write(Buffer.from([0x00, 0x00])),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: ",
  },
  {
    what: "the announcement of a packet that is too large",
    send: (client) => client.write(Buffer.from([0x32, 0xff, 0xff, 0x7f])),
    ...{ code: 0x95, counted: "protocolErrors" },
    why: "packet-too-large: 2097155 bytes, at most 135168",
  },
  {
    what: "a payload over 128 KiB",
    send: (client) => client.publish("t", Buffer.alloc(128 * 1_024 + 1), 1),
    ...{ code: 0x95, counted: "publishesRefused" },
    why: "packet-too-large: a payload of 131073 bytes",
  },
  {
    what: "a publish to a topic with a wildcard",
    send: (client) => publishTo(client, "count/+/tick"),
    ...{ code: 0x81, counted: "publishesRefused" },
    why: "malformed-packet: a topic has no wildcards [MQTT-3.3.2-2]",
  },
  {
    what: "a publish to a topic that is no UTF-8",
    send: (client) => publishTo(client, Buffer.from([0x61, 0xff])),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: a string that is no UTF-8 [MQTT-1.5.4-1]",
  },
  {
    what: "a publish to a topic with U+0000",
    send: (client) => publishTo(client, "a\0b"),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: a string with U+0000 [MQTT-1.5.4-2]",
  },
  {
    what: "a publish whose topic is longer than its packet",
    send: (client) => client.write(packet(0x32, Buffer.from([0x7f, 0xff]), Buffer.from("topic"))),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: a packet that ends within a string",
  },
  {
    what: "a publish with packet id 0",
    send: (client) => publishTo(client, "t", 0),
    ...{ code: 0x82, counted: "protocolErrors" },
    why: "protocol-error: packet id 0 [MQTT-2.2.1-3]",
  },
  {
    what: "a publish at QoS 3",
    send: (client) => client.write(packet(0x36, text("t"), Buffer.from([0, 1, 0]))),
    ...{ code: 0x81, counted: "protocolErrors" },
    why: "malformed-packet: QoS 3 [MQTT-3.3.1-4]",
  },
  {
    what: "a publish at QoS 2",
    send: (client) => client.publish("t", "{}", 1, { qos: 2 }),
    ...{ code: 0x9b, counted: "publishesRefused" },
    why: "qos-not-supported: QoS 2 is above Maximum QoS 1",
  },
  {
    what: "a second CONNECT",
    send: (client) => client.send(client.hello("c")),
    ...{ code: 0x82, counted: "protocolErrors" },
    why: "protocol-error: a second CONNECT [MQTT-3.1.0-2]",
  },
  {
    what: "a packet that only a server sends",
    send: (client) => client.write(Buffer.from([0xd0, 0x00])),
    ...{ code: 0x82, counted: "protocolErrors" },
    why: "protocol-error: PINGRESP is not for a client to send here",
  },
  {
    what: "a topic alias that was not offered",
    send: (client) => client.publish("t", "{}", 1, { properties: { topicAlias: 99 } }),
    ...{ code: 0x94, counted: "publishesRefused", only: 5 },
    why: "topic-alias-invalid: alias 99 [MQTT-3.3.2-8]",
  },
  {
    what: "a publish to a topic of 33 levels",
    send: (client) => publishTo(client, "l/".repeat(32)),
    ...{ code: 0x90, counted: "publishesRefused", only: 4 },
    why: "topic-name-invalid: 33 levels, at most 32 are taken",
  },
];

const levels = [
  { level: 4, version: "3.1.1" },
  { level: 5, version: "5" },
] as const;

let clients = 0;

describe.each(levels)("a client of MQTT $version that sends", ({ level }) => {
  test.each(badPackets.filter(({ only = level }) => only === level))(
    "$what is disconnected, and works when it comes back",
    async ({ send, code, why, counted }) => {
      clients += 1;
      const name = `c${clients}`;
      await harmless([counted], async () => {
        const client = await RawClient.connect(port(), name, level);
        const address = addressOf(client);
        send(client);
        if (level === 5) expect(await client.disconnected()).toBe(code);
        await client.closed;
        expect(client.unread).toEqual([]); // 3.1.1 has no word for it
        const [said, ...more] = await reasons("mqtt ended", address);
        expect(said?.level).toBe(WARN);
        expect(said?.reason).toContain(why);
        expect(more).toEqual([]);
      });
      const again = new CountingDevice(name);
      await again.connect(millrace().mqtt, { protocolVersion: level });
      await works(again);
    },
  );
});

test.each([
  ["of 33 levels", "l/".repeat(32)],
  ["of more than 1,024 bytes", "x".repeat(1_025)],
  ["that is the server's", "$SYS/uptime"],
])("a client of MQTT 5 is told that a topic %s is not taken, and stays", async (_, topic) => {
  clients += 1;
  const name = `c${clients}`;
  const client = await RawClient.connect(port(), name, 5);
  await client.subscribe(`count/${name}/echo`);
  await harmless(["publishesRefused"], async () => {
    client.publish(topic, "{}", 1);
    expect(await client.next("puback")).toMatchObject({ messageId: 1, reasonCode: 0x90 });
  });
  client.publish(`count/${name}/tick`, '{"id":"good"}', 2);
  expect(await client.next("puback")).toMatchObject({ messageId: 2 });
  const { payload, messageId } = await client.nextPublish();
  expect(payload.toString()).toBe('{"id":"good"}');
  client.puback(messageId);
  client.close();
});

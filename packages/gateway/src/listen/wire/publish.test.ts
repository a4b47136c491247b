import * as fc from "fast-check";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import { FrameReader } from "./frame-reader.ts";
import { type PublishPacket, readPublish } from "./publish-decode.ts";
import { encodePublish } from "./publish-encode.ts";

function read(bytes: Buffer, level: 4 | 5): PublishPacket {
  const reader = new FrameReader();
  reader.push(bytes);
  expect(reader.find(1_000_000)).toBe(true);
  return readPublish(reader.buffer, reader.first, reader.start, reader.stop, level === 5);
}

function readByOthers(bytes: Buffer, level: 4 | 5): IPublishPacket {
  const packets: Packet[] = [];
  const parsing = parser({ protocolVersion: level });
  parsing.on("packet", (packet) => packets.push(packet));
  parsing.parse(bytes);
  expect(packets.length).toBe(1);
  return packets[0] as IPublishPacket;
}

function refusalOf(bytes: Buffer, level: 4 | 5): string {
  try {
    read(bytes, level);
    return "taken";
  } catch (error) {
    return (error as { refusal: { refused: string } }).refusal.refused;
  }
}

/** A PUBLISH of MQTT 5 at QoS 0 on topic `t` with these bytes as its properties. */
function withProperties(...bytes: number[]): Buffer {
  const body = [0, 1, 0x74, bytes.length, ...bytes];
  return Buffer.from([0x30, body.length, ...body]);
}

const text = fc
  .string({ unit: "binary", maxLength: 30 })
  .filter((value) => !value.includes("\0") && value.isWellFormed());
const topicText = text.filter((value) => value !== "" && !/[+#]/.test(value));
const properties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.integer({ min: 1, max: 0xffffffff }),
    contentType: text.filter((value) => value !== ""),
    responseTopic: topicText,
    correlationData: fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes)),
    topicAlias: fc.integer({ min: 1, max: 65_535 }),
    userProperties: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,9}$/),
      text.filter((v) => v !== ""),
      {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  },
  { requiredKeys: [] },
);
const publish = fc.record({
  topic: topicText,
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  retain: fc.boolean(),
});

describe("a PUBLISH that mqtt-packet wrote", () => {
  test("is read as it was meant, by 3.1.1", () => {
    const property = fc.property(publish, (meant) => {
      const packet = read(generate({ ...meant, cmd: "publish", dup: false }), 4);
      expect(packet).toMatchObject({
        topic: meant.topic,
        payload: meant.payload,
        qos: meant.qos,
        retain: meant.retain,
        packetId: meant.qos === 0 ? 0 : meant.messageId,
      });
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("is read with all its properties, by MQTT 5", () => {
    const property = fc.property(publish, properties, (meant, said) => {
      const packet = read(
        generate(
          { ...meant, cmd: "publish", dup: false, properties: said },
          { protocolVersion: 5 },
        ),
        5,
      );
      const { userProperties, topicAlias, messageExpiryInterval, payloadFormatIndicator, ...rest } =
        said;
      expect(packet.payload).toEqual(meant.payload);
      expect(packet.topicAlias).toBe(topicAlias);
      expect(packet.expirySeconds).toBe(messageExpiryInterval);
      const {
        userProperties: pairs,
        payloadFormatIndicator: format,
        ...others
      } = packet.properties ?? {};
      expect(others).toEqual(rest);
      expect(format).toBe(
        payloadFormatIndicator === undefined ? undefined : Number(payloadFormatIndicator),
      );
      expect(pairs).toEqual(userProperties && Object.entries(userProperties));
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe("a PUBLISH of ours", () => {
  test("is read by mqtt-packet as it was meant", () => {
    const property = fc.property(
      publish,
      properties,
      fc.constantFrom(4 as const, 5 as const),
      fc.array(fc.integer({ min: 1, max: 268_435_455 }), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (meant, said, level, identifiers, long) => {
        const payload = long
          ? Buffer.concat([Buffer.alloc(20_000, 7), meant.payload])
          : meant.payload;
        const {
          userProperties,
          topicAlias: _,
          messageExpiryInterval,
          payloadFormatIndicator,
          ...rest
        } = said;
        const packet = encodePublish({
          topic: meant.topic,
          payload,
          qos: meant.qos,
          packetId: meant.messageId,
          v5:
            level === 4
              ? undefined
              : {
                  properties: {
                    ...rest,
                    ...(payloadFormatIndicator !== undefined && {
                      payloadFormatIndicator: payloadFormatIndicator ? 1 : 0,
                    }),
                    ...(userProperties && { userProperties: Object.entries(userProperties) }),
                  },
                  identifiers,
                  expirySeconds: messageExpiryInterval,
                },
        });
        const bytes = Buffer.concat([packet.head, packet.tail ?? Buffer.alloc(0)]);
        expect(bytes.length).toBe(packet.length);
        const got = readByOthers(bytes, level);
        expect(got).toMatchObject({
          topic: meant.topic,
          qos: meant.qos,
          dup: false,
          retain: false,
        });
        expect(got.payload).toEqual(payload);
        if (meant.qos > 0) expect(got.messageId).toBe(meant.messageId);
        if (level === 4) return;
        const { subscriptionIdentifier, userProperties: users, ...others } = got.properties ?? {};
        expect([subscriptionIdentifier].flat()).toEqual(identifiers);
        expect(others).toEqual({
          ...rest,
          ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
          ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
        });
        expect({ ...users }).toEqual({ ...userProperties });
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test("keeps the order of user properties, names that repeat included", () => {
    const users: [string, string][] = [
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
      ["1", "4"],
      ["", ""],
    ];
    const { head } = encodePublish({
      topic: "t",
      payload: Buffer.from("x"),
      qos: 0,
      packetId: 0,
      v5: {
        properties: { userProperties: users },
        identifiers: undefined,
        expirySeconds: undefined,
      },
    });
    expect(read(head, 5).properties?.userProperties).toEqual(users);
  });
});

describe("a PUBLISH is refused", () => {
  test.each<[string, Buffer, 4 | 5, string]>([
    ["with QoS 3", Buffer.from([0x36, 5, 0, 1, 0x74, 0, 1]), 4, "malformed-packet"],
    ["with DUP at QoS 0", Buffer.from([0x38, 3, 0, 1, 0x74]), 4, "malformed-packet"],
    ["with packet id 0", Buffer.from([0x32, 5, 0, 1, 0x74, 0, 0]), 4, "protocol-error"],
    [
      "that ends within its packet id",
      Buffer.from([0x32, 4, 0, 1, 0x74, 0]),
      4,
      "malformed-packet",
    ],
    ["that ends within its topic", Buffer.from([0x30, 3, 0, 9, 0x74]), 4, "malformed-packet"],
    ["that is empty", Buffer.from([0x30, 0]), 4, "malformed-packet"],
    [
      "with a topic that is no UTF-8",
      Buffer.from([0x30, 4, 0, 2, 0xc3, 0x28]),
      4,
      "malformed-packet",
    ],
    ["with U+0000 in its topic", Buffer.from([0x30, 3, 0, 1, 0]), 4, "malformed-packet"],
    ["without properties in MQTT 5", Buffer.from([0x30, 3, 0, 1, 0x74]), 5, "malformed-packet"],
    [
      "with properties beyond its end",
      Buffer.from([0x30, 4, 0, 1, 0x74, 9]),
      5,
      "malformed-packet",
    ],
    [
      "with an endless properties length",
      Buffer.from([0x30, 8, 0, 1, 0x74, 255, 255, 255, 255, 1]),
      5,
      "malformed-packet",
    ],
    ["with a property it does not have", withProperties(0x11, 0, 0, 0, 1), 5, "malformed-packet"],
    ["with a property cut off", withProperties(0x02, 0, 0), 5, "malformed-packet"],
    ["with a string property cut off", withProperties(0x03, 0, 9, 0x61), 5, "malformed-packet"],
    ["with binary data cut off", withProperties(0x09, 0, 9, 0x61), 5, "malformed-packet"],
    ["with the same property twice", withProperties(0x01, 1, 0x01, 1), 5, "protocol-error"],
    ["with two aliases", withProperties(0x23, 0, 1, 0x23, 0, 1), 5, "protocol-error"],
    ["with two expiries", withProperties(0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 1), 5, "protocol-error"],
    ["with a subscription identifier", withProperties(0x0b, 1), 5, "protocol-error"],
    ["with a payload format of 2", withProperties(0x01, 2), 5, "protocol-error"],
    ["with wildcards to respond to", withProperties(0x08, 0, 1, 0x23), 5, "protocol-error"],
  ])("%s", (_, bytes, level, refused) => {
    expect(refusalOf(bytes, level)).toBe(refused);
  });

  test("is not, for a U+FFFD that really was sent", () => {
    expect(
      read(
        generate({
          cmd: "publish",
          topic: "\uFFFD",
          payload: "",
          qos: 0,
          dup: false,
          retain: false,
        }),
        4,
      ).topic,
    ).toBe("\uFFFD");
  });
});

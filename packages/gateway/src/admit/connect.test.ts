import { describe, expect, test } from "vitest";
import { type ConnectFacts, checkConnect } from "./connect.ts";
import { connackCode, pubackCode, type RefusalName, refusals, subackCode } from "./refusals.ts";

const limits = {
  clientIdBytesMax: 10,
  payloadBytesMax: 100,
  topicBytesMax: 20,
  topicLevelsMax: 4,
};
const facts: ConnectFacts = {
  protocol: 4,
  client: "c",
  clean: true,
  hasUsername: false,
  hasPassword: false,
};
const will = { topic: "w", qos: 1, retain: false, payloadBytes: 1 };

function refusedFor(more: Partial<ConnectFacts>): RefusalName | undefined {
  return checkConnect({ ...facts, ...more }, limits)?.refused;
}

describe("a CONNECT", () => {
  test("is taken when nothing speaks against it", () => {
    expect(refusedFor({})).toBeUndefined();
    expect(refusedFor({ will })).toBeUndefined();
    expect(refusedFor({ protocol: 5, will, receiveMaximum: 1 })).toBeUndefined();
  });

  test("may leave the client id out in MQTT 5, and in 3.1.1 with a clean session", () => {
    expect(refusedFor({ client: "", protocol: 5, clean: false })).toBeUndefined();
    expect(refusedFor({ client: "", protocol: 4, clean: true })).toBeUndefined();
    expect(refusedFor({ client: "", protocol: 4, clean: false })).toBe("client-id-not-valid");
    expect(refusedFor({ client: "", protocol: 3, clean: true })).toBe("client-id-not-valid");
  });

  test.each<[string, Partial<ConnectFacts>, RefusalName]>([
    ["a client id over the limit", { client: "ööööööö" }, "client-id-not-valid"],
    ["a client id with U+0000", { client: "a\0" }, "malformed-packet"],
    ["a password without user name in 3.1.1", { hasPassword: true }, "malformed-packet"],
    ["Receive Maximum 0", { protocol: 5, receiveMaximum: 0 }, "protocol-error"],
    ["Maximum Packet Size 0", { protocol: 5, maximumPacketSize: 0 }, "protocol-error"],
    ["enhanced login", { protocol: 5, authenticationMethod: "x" }, "bad-authentication-method"],
    ["Will QoS 3", { will: { ...will, qos: 3 } }, "malformed-packet"],
    ["Will QoS 2 in MQTT 5", { protocol: 5, will: { ...will, qos: 2 } }, "qos-not-supported"],
    [
      "a retained will in 5",
      { protocol: 5, will: { ...will, retain: true } },
      "retain-not-supported",
    ],
    ["a will on a $ topic", { will: { ...will, topic: "$SYS" } }, "topic-name-invalid"],
    ["a will with wildcards", { will: { ...will, topic: "a/#" } }, "malformed-packet"],
    ["a will over the payload limit", { will: { ...will, payloadBytes: 101 } }, "packet-too-large"],
  ])("is refused with %s", (_, more, refused) => {
    expect(refusedFor(more)).toBe(refused);
  });
});

describe("a refusal in the words of a protocol", () => {
  test("is its reason code everywhere in MQTT 5", () => {
    for (const name of Object.keys(refusals) as RefusalName[]) {
      expect(connackCode(name, 5)).toBe(refusals[name].reason);
      expect(subackCode(name, 5)).toBe(refusals[name].reason);
      expect(refusals[name].reason).toBeGreaterThanOrEqual(0x80);
    }
  });

  test("is one of five codes in a 3.1.1 CONNACK, or the end of the connection", () => {
    expect(connackCode("client-id-not-valid", 4)).toBe(2);
    expect(connackCode("not-authorized", 4)).toBe(5);
    expect(connackCode("malformed-packet", 4)).toBe("close");
    expect(subackCode("not-authorized", 4)).toBe(0x80);
  });

  test("fits a PUBACK only in MQTT 5, at QoS 1, and only some codes", () => {
    expect(pubackCode("not-authorized", 5, 1)).toBe(0x87);
    expect(pubackCode("not-authorized", 5, 0)).toBe("end");
    expect(pubackCode("not-authorized", 4, 1)).toBe("end");
    expect(pubackCode("packet-too-large", 5, 1)).toBe("end");
  });
});

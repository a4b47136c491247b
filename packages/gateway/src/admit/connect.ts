import { type ProtocolLevel, type Refusal, refuse } from "./refusals.ts";
import { checkTopicName, isReserved, type TopicLimits } from "./topic.ts";

/** What a CONNECT says, as far as it can be refused without asking who it is. */
export interface ConnectFacts {
  readonly protocol: ProtocolLevel;
  /** Empty when the client asks for one. */
  readonly client: string;
  readonly clean: boolean;
  readonly hasUsername: boolean;
  readonly hasPassword: boolean;
  readonly will?: {
    readonly topic: string;
    readonly qos: number;
    readonly retain: boolean;
    readonly payloadBytes: number;
  };
  /** MQTT 5; absent when the packet does not carry it. */
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly authenticationMethod?: string;
}

export interface ConnectLimits extends TopicLimits {
  readonly clientIdBytesMax: number;
  readonly payloadBytesMax: number;
}

/** Says why a CONNECT cannot be taken, whoever sent it. */
export function checkConnect(facts: ConnectFacts, limits: ConnectLimits): Refusal | undefined {
  return checkFlags(facts) ?? checkClientId(facts, limits) ?? checkWill(facts, limits);
}

function checkFlags(facts: ConnectFacts): Refusal | undefined {
  if (facts.protocol < 5 && facts.hasPassword && !facts.hasUsername) {
    return refuse("malformed-packet", "a password needs a user name [MQTT-3.1.2-22]");
  }
  if (facts.receiveMaximum === 0) {
    return refuse("protocol-error", "Receive Maximum is not 0 (3.1.2.11.3)");
  }
  if (facts.maximumPacketSize === 0) {
    return refuse("protocol-error", "Maximum Packet Size is not 0 (3.1.2.11.4)");
  }
  if (facts.authenticationMethod !== undefined) {
    return refuse("bad-authentication-method", "enhanced authentication is not offered (4.12)");
  }
  return undefined;
}

function checkClientId(facts: ConnectFacts, limits: ConnectLimits): Refusal | undefined {
  const { client, protocol, clean } = facts;
  if (client === "") {
    return protocol === 5 || (protocol === 4 && clean)
      ? undefined
      : refuse("client-id-not-valid", "an empty client id needs a clean session [MQTT-3.1.3-8]");
  }
  if (client.includes("\0")) {
    return refuse("malformed-packet", "a client id has no U+0000 [MQTT-1.5.3-2]");
  }
  const bytes = Buffer.byteLength(client);
  return bytes > limits.clientIdBytesMax
    ? refuse("client-id-not-valid", `${bytes} bytes, at most ${limits.clientIdBytesMax} are taken`)
    : undefined;
}

function checkWill(facts: ConnectFacts, limits: ConnectLimits): Refusal | undefined {
  const { will } = facts;
  if (will === undefined) return undefined;
  if (will.qos > 2) return refuse("malformed-packet", "Will QoS is at most 2 [MQTT-3.1.2-14]");
  if (facts.protocol === 5 && will.qos === 2) {
    return refuse("qos-not-supported", "Will QoS 2 is above Maximum QoS 1 [MQTT-3.2.2-12]");
  }
  if (facts.protocol === 5 && will.retain) {
    return refuse("retain-not-supported", "a retained will [MQTT-3.2.2-13]");
  }
  if (will.payloadBytes > limits.payloadBytesMax) {
    return refuse("packet-too-large", `a will of ${will.payloadBytes} bytes`);
  }
  if (isReserved(will.topic)) return refuse("topic-name-invalid", "a will on a $ topic");
  return checkTopicName(will.topic, limits);
}

import type { IConnectPacket, UserProperties } from "mqtt-packet";
import type { ProtocolLevel } from "../../admit/refusals.ts";
import type { MessageProperties } from "../../deliver/message.ts";
import { checkProperties, readFirst, text } from "./control.ts";
import { malformed } from "./fault.ts";

/** What the client wants published when it is gone (3.1.2.5). */
export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
  readonly expirySeconds: number | undefined;
}

/** A CONNECT as it came (3.1); what may be absent in it is absent here. */
export interface ConnectPacket {
  readonly protocol: ProtocolLevel;
  readonly client: string;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
  readonly username?: string;
  readonly password?: Buffer;
  readonly will?: Will;
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly authenticationMethod?: string;
}

const CONNECT_PROPERTIES = new Set([
  "sessionExpiryInterval",
  "receiveMaximum",
  "maximumPacketSize",
  "topicAliasMaximum",
  "requestResponseInformation",
  "requestProblemInformation",
  "userProperties",
  "authenticationMethod",
  "authenticationData",
]);

const WILL_PROPERTIES = new Set([
  "willDelayInterval",
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
]);

/**
 * Whether a CONNECT names a protocol level that we do not speak; it may be laid out in any way then.
 *
 * @throws PacketFault when it is no CONNECT of any MQTT (3.1.2.1)
 */
export function isForeignLevel(body: Buffer): boolean {
  const nameBytes = body.length >= 2 ? body.readUInt16BE(0) : 0;
  const name = body.toString("latin1", 2, 2 + nameBytes);
  if (name !== "MQTT" && name !== "MQIsdp") malformed("a protocol name that is not MQTT");
  const level = body[2 + nameBytes] ?? malformed("a CONNECT that ends within its header");
  return name === "MQIsdp" ? level !== 3 : level !== 4 && level !== 5;
}

/** @throws PacketFault when it is malformed */
export function readConnect(frame: Buffer): ConnectPacket {
  const packet = readFirst(frame) as IConnectPacket;
  checkProperties(packet.properties, CONNECT_PROPERTIES, frame);
  const { receiveMaximum, maximumPacketSize, authenticationMethod } = packet.properties ?? {};
  return {
    protocol: packet.protocolVersion ?? 4,
    client: text(packet.clientId, frame),
    clean: packet.clean ?? true,
    keepAliveSeconds: packet.keepalive ?? 0,
    ...(packet.username !== undefined && { username: text(packet.username, frame) }),
    // Copied, as all that outlives the packet: a view would keep the socket's whole chunk.
    ...(packet.password !== undefined && { password: Buffer.from(packet.password) }),
    ...(packet.will !== undefined && { will: readWill(packet.will, frame) }),
    ...(receiveMaximum !== undefined && { receiveMaximum }),
    ...(maximumPacketSize !== undefined && { maximumPacketSize }),
    ...(authenticationMethod !== undefined && { authenticationMethod }),
  };
}

function readWill(will: NonNullable<IConnectPacket["will"]>, frame: Buffer): Will {
  checkProperties(will.properties, WILL_PROPERTIES, frame);
  return {
    topic: text(will.topic, frame),
    payload: Buffer.from(will.payload as Buffer),
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    properties: will.properties === undefined ? undefined : messageProperties(will.properties),
    expirySeconds: will.properties?.messageExpiryInterval,
  };
}

type WillProperties = NonNullable<NonNullable<IConnectPacket["will"]>["properties"]>;

function messageProperties(said: WillProperties): MessageProperties {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = said;
  return {
    ...(payloadFormatIndicator !== undefined && {
      payloadFormatIndicator: payloadFormatIndicator ? 1 : 0,
    }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData) }),
    ...(said.userProperties !== undefined && { userProperties: pairs(said.userProperties) }),
  };
}

/** mqtt-packet gathers equal names, so the order among different names is lost where one repeats. */
function pairs(properties: UserProperties): [string, string][] {
  return Object.entries(properties).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );
}

import type { IDisconnectPacket, ISubscribePacket, IUnsubscribePacket } from "mqtt-packet";
import { checkProperties, packetId, text } from "./control.ts";
import { protocolError } from "./fault.ts";

export interface SubscribePacket {
  readonly packetId: number;
  readonly identifier: number | undefined;
  readonly asked: readonly {
    readonly filter: string;
    readonly qos: 0 | 1;
    readonly noLocal: boolean;
  }[];
}

const SUBSCRIBE_PROPERTIES = new Set(["subscriptionIdentifier", "userProperties"]);
const UNSUBSCRIBE_PROPERTIES = new Set(["userProperties"]);
const DISCONNECT_PROPERTIES = new Set(["sessionExpiryInterval", "reasonString", "userProperties"]);

/**
 * Reads a SUBSCRIBE (3.8). QoS 2 is granted as 1.
 *
 * Retain As Published and Retain Handling are read over: no message here is retained.
 *
 * @throws PacketFault
 */
export function checkSubscribe(packet: ISubscribePacket, frame: Buffer): SubscribePacket {
  checkProperties(packet.properties, SUBSCRIBE_PROPERTIES, frame);
  if (packet.subscriptions.length === 0) protocolError("no filter [MQTT-3.8.3-2]");
  const identifier = packet.properties?.subscriptionIdentifier;
  if (identifier === 0) protocolError("subscription identifier 0 (3.8.2.1.2)");
  return {
    packetId: packetId(packet),
    identifier,
    asked: packet.subscriptions.map(({ topic, qos, nl }) => ({
      filter: text(topic, frame),
      qos: qos === 0 ? 0 : 1,
      noLocal: nl ?? false,
    })),
  };
}

export interface UnsubscribePacket {
  readonly packetId: number;
  readonly filters: readonly string[];
}

/** Reads an UNSUBSCRIBE (3.10). @throws PacketFault */
export function checkUnsubscribe(packet: IUnsubscribePacket, frame: Buffer): UnsubscribePacket {
  checkProperties(packet.properties, UNSUBSCRIBE_PROPERTIES, frame);
  if (packet.unsubscriptions.length === 0) protocolError("no filter [MQTT-3.10.3-2]");
  return {
    packetId: packetId(packet),
    filters: packet.unsubscriptions.map((filter) => text(filter, frame)),
  };
}

/** Reads a DISCONNECT (3.14). @returns its reason code @throws PacketFault */
export function checkDisconnect(packet: IDisconnectPacket, frame: Buffer): number {
  checkProperties(packet.properties, DISCONNECT_PROPERTIES, frame);
  return packet.reasonCode ?? 0;
}

import type { ConnectLimits } from "../admit/connect.ts";
import type { SubscribeLimits } from "../admit/subscribe.ts";

/** What one MQTT listener takes at most; all of it bounds memory. */
export interface MqttLimits extends ConnectLimits, SubscribeLimits {
  readonly connectionsMax: number;
  /** From accept to CONNACK. */
  readonly connectTimeoutMs: number;
  /** How long a connection that is over may take to read our last bytes. */
  readonly lingerMs: number;
  /** An MQTT 5 client that asks for more, or for none, is told this as Server Keep Alive. */
  readonly keepAliveSecondsMax: number;
  /** A whole packet, fixed header included. */
  readonly packetBytesMax: number;
  /** QoS 1 publishes of a connection that are not acknowledged; of a 3.1.1 client both ways. */
  readonly receiveMax: number;
  readonly topicAliasMax: number;
  /** Messages that wait for one subscriber, and their bytes. */
  readonly outboundMessagesMax: number;
  readonly outboundBytesMax: number;
  /** Effect ids that are remembered as delivered: about 150 bytes each. */
  readonly appliedEffectsMax: number;
}

export const defaultMqttLimits: MqttLimits = {
  connectionsMax: 200_000,
  connectTimeoutMs: 10_000,
  lingerMs: 2_000,
  /** As AWS IoT: a dead peer is noticed within half an hour. */
  keepAliveSecondsMax: 1_200,
  /** As AWS IoT; header, topic and properties have 4 KiB beside it. */
  payloadBytesMax: 128 * 1_024,
  packetBytesMax: 132 * 1_024,
  clientIdBytesMax: 256,
  topicBytesMax: 1_024,
  topicLevelsMax: 32,
  topicAliasMax: 16,
  receiveMax: 64,
  subscriptionsPerClientMax: 1_000,
  outboundMessagesMax: 1_000,
  outboundBytesMax: 8 * 1_024 * 1_024,
  appliedEffectsMax: 100_000,
};

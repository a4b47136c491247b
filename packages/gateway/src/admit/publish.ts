import { type ProtocolLevel, type Refusal, refuse } from "./refusals.ts";
import { checkTopicName, isReserved, type TopicLimits } from "./topic.ts";

export interface PublishFacts {
  readonly qos: number;
  readonly retain: boolean;
  readonly payload: { readonly length: number };
}

/** Says why a publish cannot be taken, whatever its topic. */
export function checkPublish(
  facts: PublishFacts,
  protocol: ProtocolLevel,
  payloadBytesMax: number,
): Refusal | undefined {
  if (facts.qos === 2) return refuse("qos-not-supported", "QoS 2 is above Maximum QoS 1");
  if (facts.retain && protocol === 5) {
    return refuse("retain-not-supported", "Retain Available is 0 [MQTT-3.2.2-14]");
  }
  return facts.payload.length > payloadBytesMax
    ? refuse("packet-too-large", `a payload of ${facts.payload.length} bytes`)
    : undefined;
}

/** Says why nobody may publish to a topic here. Its answer is the same for the same topic. */
export function checkPublishTopic(topic: string, limits: TopicLimits): Refusal | undefined {
  return isReserved(topic)
    ? refuse("topic-name-invalid", "topics that begin with $ are the server's (4.7.2)")
    : checkTopicName(topic, limits);
}

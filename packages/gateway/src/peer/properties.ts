import type { PeerProperties } from "@millrace/shared/peer/messages";
import type { MessageProperties } from "../deliver/message.ts";

/** MQTT 5 properties on their way between gateways: as JSON, bytes as base64. */

export function propertiesToJson(
  properties: MessageProperties | undefined,
): PeerProperties | undefined {
  if (properties === undefined) return undefined;
  const { correlationData, userProperties, ...rest } = properties;
  return {
    ...rest,
    ...(userProperties && { userProperties: userProperties.map(([name, value]) => [name, value]) }),
    ...(correlationData && { correlationData: correlationData.toString("base64") }),
  };
}

export function propertiesFromJson(
  json: PeerProperties | undefined,
): MessageProperties | undefined {
  if (json === undefined) return undefined;
  const { correlationData, ...rest } = json;
  return {
    ...rest,
    ...(correlationData !== undefined && {
      correlationData: Buffer.from(correlationData, "base64"),
    }),
  } as MessageProperties;
}

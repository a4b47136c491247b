import type { MessageProperties } from "../deliver/message.ts";

/** MQTT 5 properties on their way between gateways: as JSON, bytes as base64. */

export function propertiesToJson(
  properties: MessageProperties | undefined,
): Readonly<Record<string, unknown>> | undefined {
  if (properties === undefined) return undefined;
  const { correlationData, ...rest } = properties;
  return {
    ...rest,
    ...(correlationData && { correlationData: correlationData.toString("base64") }),
  };
}

export function propertiesFromJson(
  json: Readonly<Record<string, unknown>> | undefined,
): MessageProperties | undefined {
  if (json === undefined) return undefined;
  const { correlationData, ...rest } = json as Omit<MessageProperties, "correlationData"> & {
    correlationData?: string;
  };
  return correlationData === undefined
    ? rest
    : { ...rest, correlationData: Buffer.from(correlationData, "base64") };
}

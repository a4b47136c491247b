import type { MessageProperties } from "../../deliver/message.ts";
import { property } from "./publish-properties.ts";

/** A PUBLISH to a client; see `publish-decode.ts` for its shape. */
export interface OutgoingPublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** Absent for a client that does not speak MQTT 5. */
  readonly v5:
    | {
        readonly properties: MessageProperties | undefined;
        readonly identifiers: readonly number[] | undefined;
        /** What is left of the Message Expiry Interval [MQTT-3.3.2-6]. */
        readonly expirySeconds: number | undefined;
      }
    | undefined;
}

/** A payload up to this long is copied beside its header; a longer one is written from where it is. */
const COPIED_BYTES_MAX = 4_096;

export interface EncodedPublish {
  readonly head: Buffer;
  /** What follows `head`, where the payload was not copied into it. */
  readonly tail: Buffer | undefined;
  readonly length: number;
}

export function encodePublish(publish: OutgoingPublish): EncodedPublish {
  const { topic, payload, qos, v5 } = publish;
  const topicBytes = Buffer.byteLength(topic);
  const properties = v5 === undefined ? undefined : encodeProperties(v5);
  const body = 2 + topicBytes + (qos > 0 ? 2 : 0) + (properties?.length ?? 0) + payload.length;
  const length = 1 + variableBytes(body) + body;
  const copied = payload.length <= COPIED_BYTES_MAX;
  const head = Buffer.allocUnsafe(copied ? length : length - payload.length);

  head[0] = 0x30 | (qos << 1);
  let at = writeVariable(head, body, 1);
  at = head.writeUInt16BE(topicBytes, at);
  at += head.write(topic, at);
  if (qos > 0) at = head.writeUInt16BE(publish.packetId, at);
  if (properties !== undefined) at += properties.copy(head, at);
  if (copied) payload.copy(head, at);
  return { head, tail: copied ? undefined : payload, length };
}

const NO_PROPERTIES = Buffer.from([0]);

function encodeProperties(said: NonNullable<OutgoingPublish["v5"]>): Buffer {
  const { properties, identifiers, expirySeconds } = said;
  if (properties === undefined && identifiers === undefined && expirySeconds === undefined) {
    return NO_PROPERTIES;
  }
  const parts: Buffer[] = [];
  if (expirySeconds !== undefined) parts.push(u32(property.messageExpiryInterval, expirySeconds));
  for (const identifier of identifiers ?? []) parts.push(variable(identifier));
  if (properties !== undefined) pushMessage(parts, properties);
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(variableBytes(body.length));
  writeVariable(length, body.length, 0);
  return Buffer.concat([length, body]);
}

function pushMessage(parts: Buffer[], properties: MessageProperties): void {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties;
  if (payloadFormatIndicator !== undefined) {
    parts.push(Buffer.from([property.payloadFormatIndicator, payloadFormatIndicator]));
  }
  if (contentType !== undefined) pushText(parts, property.contentType, contentType);
  if (responseTopic !== undefined) pushText(parts, property.responseTopic, responseTopic);
  if (correlationData !== undefined) pushBytes(parts, property.correlationData, correlationData);
  for (const [name, value] of properties.userProperties ?? []) {
    pushText(parts, property.userProperty, name);
    pushBytes(parts, undefined, Buffer.from(value));
  }
}

function pushText(parts: Buffer[], id: number, text: string): void {
  pushBytes(parts, id, Buffer.from(text));
}

function pushBytes(parts: Buffer[], id: number | undefined, bytes: Buffer): void {
  const length = [bytes.length >> 8, bytes.length & 0xff];
  parts.push(Buffer.from(id === undefined ? length : [id, ...length]), bytes);
}

function u32(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = id;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

function variable(identifier: number): Buffer {
  const bytes = Buffer.alloc(1 + variableBytes(identifier));
  bytes[0] = property.subscriptionIdentifier;
  writeVariable(bytes, identifier, 1);
  return bytes;
}

function variableBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** @returns where the next byte goes */
function writeVariable(buffer: Buffer, value: number, at: number): number {
  let rest = value;
  while (rest >= 0x80) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>= 7;
  }
  buffer[at++] = rest;
  return at;
}

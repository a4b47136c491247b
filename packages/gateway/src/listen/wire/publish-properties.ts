import type { MessageProperties } from "../../deliver/message.ts";
import { malformed, protocolError } from "./fault.ts";
import { readText, readU16 } from "./text.ts";

/** Identifiers of the properties of a PUBLISH (2.2.2.2). */
export const property = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  topicAlias: 0x23,
  userProperty: 0x26,
} as const;

export interface PublishProperties {
  readonly message: MessageProperties | undefined;
  readonly topicAlias: number | undefined;
  readonly expirySeconds: number | undefined;
  /** Where the payload starts. */
  readonly end: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads the properties of a client's PUBLISH: a length, then identifier and value of each.
 *
 * @throws PacketFault for what no client may send, one that comes twice included (3.3.2.3)
 */
export function readPublishProperties(
  buffer: Buffer,
  at: number,
  stop: number,
): PublishProperties | undefined {
  const reader = new PropertyReader(buffer, at, stop);
  if (reader.end === reader.at) return reader.result();
  while (reader.at < reader.end) reader.readOne();
  return reader.result();
}

class PropertyReader {
  at: number;
  readonly end: number;
  readonly #buffer: Buffer;
  #message: Mutable<MessageProperties> | undefined = undefined;
  #users: [string, string][] | undefined = undefined;
  #topicAlias: number | undefined = undefined;
  #expirySeconds: number | undefined = undefined;

  constructor(buffer: Buffer, at: number, stop: number) {
    this.#buffer = buffer;
    this.at = at;
    const length = this.#variable(stop);
    this.end = this.at + length;
    if (this.end > stop) malformed("properties that are longer than their packet");
  }

  result(): PublishProperties {
    return {
      message: this.#message,
      topicAlias: this.#topicAlias,
      expirySeconds: this.#expirySeconds,
      end: this.end,
    };
  }

  readOne(): void {
    const id = this.#buffer[this.at++] as number;
    switch (id) {
      case property.payloadFormatIndicator:
        return this.#once("payloadFormatIndicator", this.#flag());
      case property.contentType:
        return this.#once("contentType", this.#text());
      case property.responseTopic:
        return this.#once("responseTopic", this.#topic());
      case property.correlationData:
        return this.#once("correlationData", this.#bytes());
      case property.userProperty:
        return this.#user(this.#text(), this.#text());
      case property.messageExpiryInterval:
        if (this.#expirySeconds !== undefined) protocolError("two expiry intervals (3.3.2.3.3)");
        this.#expirySeconds = this.#u16() * 65_536 + this.#u16();
        return;
      case property.topicAlias:
        if (this.#topicAlias !== undefined) protocolError("two topic aliases (3.3.2.3.4)");
        this.#topicAlias = this.#u16();
        return;
      case property.subscriptionIdentifier:
        return protocolError("a client's subscription identifier [MQTT-3.3.4-6]");
      default:
        return malformed(`property ${id} in a PUBLISH (2.2.2.2)`);
    }
  }

  #once<K extends Exclude<keyof MessageProperties, "userProperties">>(
    name: K,
    value: Mutable<MessageProperties>[K],
  ): void {
    this.#message ??= {};
    if (this.#message[name] !== undefined) protocolError(`${name} twice (3.3.2.3)`);
    this.#message[name] = value;
  }

  #user(name: string, value: string): void {
    if (this.#users === undefined) {
      this.#users = [];
      this.#message ??= {};
      this.#message.userProperties = this.#users;
    }
    this.#users.push([name, value]);
  }

  #flag(): 0 | 1 {
    if (this.at >= this.end) malformed("a packet that ends within a property");
    const flag = this.#buffer[this.at++] as number;
    return flag === 0 || flag === 1 ? flag : protocolError("a payload format of neither 0 nor 1");
  }

  #u16(): number {
    const value = readU16(this.#buffer, this.at, this.end);
    this.at += 2;
    return value;
  }

  #text(): string {
    const length = this.#u16();
    const text = readText(this.#buffer, this.at, this.at + length, this.end);
    this.at += length;
    return text;
  }

  #topic(): string {
    const topic = this.#text();
    return /[+#]/.test(topic)
      ? protocolError("a response topic with wildcards [MQTT-3.3.2-14]")
      : topic;
  }

  #bytes(): Buffer {
    const length = this.#u16();
    const end = this.at + length;
    if (end > this.end) malformed("a packet that ends within a property");
    // Copied: it may wait with its message for long, and would keep the whole chunk.
    const bytes = Buffer.from(this.#buffer.subarray(this.at, end));
    this.at = end;
    return bytes;
  }

  /** A Variable Byte Integer (1.5.5). */
  #variable(stop: number): number {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      if (this.at >= stop) malformed("a packet that ends within a length");
      const byte = this.#buffer[this.at++] as number;
      value += (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return malformed("a length of more than 4 bytes (1.5.5)");
  }
}

/** What a publisher says about its payload; handed on to MQTT 5 subscribers unchanged (3.3.2.3). */
export interface MessageProperties {
  /** 1: the payload is UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  /** In the order in which they came, names may repeat [MQTT-3.3.2-18]. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}

/** What goes to the subscribers of a topic. */
export interface Message {
  readonly ns: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly properties?: MessageProperties | undefined;
  /** By this machine's wall clock; after it the message is not sent any more. */
  readonly expiresAtMs?: number | undefined;
}

/** A message that a dispatcher hands over and wants to know the outcome of. */
export interface Command extends Message {
  /** The effect's id: applied once here, and sent as Correlation Data. */
  readonly id?: string;
}

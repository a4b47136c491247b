import type { Delivery } from "./delivery.ts";
import type { Message } from "./message.ts";

/** One copy of a message on its way to one subscriber. */
export interface Copy {
  readonly message: Message;
  /** The lower of the message's and the subscription's. */
  readonly qos: 0 | 1;
  /** Subscription Identifiers of all its subscriptions that match [MQTT-3.3.4-4]. */
  readonly identifiers: readonly number[] | undefined;
  /** Where its fate is told; absent where nobody waits for it. */
  readonly delivery: Delivery | undefined;
}

/** A client's session, as far as delivery needs to know it. */
export interface Subscriber {
  readonly ns: string;
  /** The client id: what No Local compares [MQTT-3.8.3-3]. */
  readonly client: string;
  /** Asked for each message, so that a revoked right stops the very next one. */
  mayReceive(topic: string): boolean;
  /** Sends, queues or drops a copy, and tells its delivery what became of it. Never throws. */
  take(copy: Copy): void;
}

/** One filter of one client, with its options (3.8.3.1). */
export interface Subscription {
  readonly subscriber: Subscriber;
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly identifier: number | undefined;
}

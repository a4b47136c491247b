import type { Traceparent } from "../contract/trace.ts";
import type { PeerProperties } from "./messages.ts";

/**
 * Gateways as a dispatcher, and other gateways, find them: who of them has a subscriber for a topic,
 * and how to hand a message over. In one process they are called directly, on a cluster over their
 * internal listeners.
 */

/** A command on its way to a device. */
export interface CommandMessage {
  readonly ns: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** The effect's id: a gateway applies it once, and sends it as MQTT 5 Correlation Data. */
  readonly id: string;
  /** What its delivery is a part of, where that is recorded. */
  readonly trace?: Traceparent | undefined;
}

/**
 * How handing over ended.
 *
 * - `delivered`: a subscriber has it: its PUBACK is below 0x80, or at QoS 0 its socket took the bytes;
 * - `refused`: every subscriber answered 0x80 or more, or may not receive it;
 * - `none`: nobody has it, and not everybody refused: worth another try when a subscriber comes.
 */
export type CommandOutcome =
  | { readonly outcome: "delivered" }
  | { readonly outcome: "refused"; readonly code: number }
  | { readonly outcome: "none" };

/** A device's publish, on its way to subscribers of another gateway. */
export interface ForwardedPublish {
  readonly ns: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** Who published it. */
  readonly client: string;
  /** MQTT 5 properties, as JSON. */
  readonly properties?: PeerProperties | undefined;
}

export interface GatewayLink {
  readonly name: string;
  deliver(message: CommandMessage): Promise<CommandOutcome>;
}

export interface Gateways {
  /** Those with a subscriber whose filter matches. */
  match(ns: string, topic: string): readonly GatewayLink[];
  /** Calls when some gateway has a first subscriber for a filter. @returns what ends it */
  onSubscribed(call: (ns: string, filter: string) => void): () => void;
}

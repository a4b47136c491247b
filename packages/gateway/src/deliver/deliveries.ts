import { TopicTrie } from "@millrace/shared/mqtt/topic-trie";
import type { CommandOutcome } from "@millrace/shared/peer/gateways";
import { refusals } from "../admit/refusals.ts";
import { checkTopicName, type TopicLimits } from "../admit/topic.ts";
import { AppliedEffects } from "./applied-effects.ts";
import { Delivery } from "./delivery.ts";
import type { Command, Message } from "./message.ts";
import type { Subscriber, Subscription } from "./subscriber.ts";

/** What a topic can be at most on the wire: its length has two bytes (1.5.4). */
const MQTT_ITSELF: TopicLimits = { topicBytesMax: 65_535, topicLevelsMax: 65_536 };

/** Told when the first subscriber of a filter came to this process, and when the last one left. */
export interface FilterWatch {
  subscribed(ns: string, filter: string): void;
  unsubscribed(ns: string, filter: string): void;
}

/**
 * From a message to the sessions of this process that subscribed to its topic.
 *
 * Namespaces have a trie each, so that no filter reaches into another tenant's topics. A client whose
 * filters overlap gets one copy, at the highest QoS of those that match (3.3.4).
 */
export class Deliveries {
  readonly #watch: FilterWatch;
  readonly #tries = new Map<string, TopicTrie<Subscription>>();
  readonly #effects: AppliedEffects;

  constructor(watch: FilterWatch, effectsMax: number) {
    this.#watch = watch;
    this.#effects = new AppliedEffects(effectsMax);
  }

  subscribe(subscription: Subscription): void {
    const { ns } = subscription.subscriber;
    let trie = this.#tries.get(ns);
    if (trie === undefined) this.#tries.set(ns, (trie = new TopicTrie()));
    const first = trie.add(subscription.filter, subscription);
    if (first) this.#watch.subscribed(ns, subscription.filter);
  }

  unsubscribe(subscription: Subscription): void {
    const { ns } = subscription.subscriber;
    const trie = this.#tries.get(ns);
    if (trie === undefined) return;
    const last = trie.remove(subscription.filter, subscription);
    if (trie.isEmpty) this.#tries.delete(ns);
    if (last) this.#watch.unsubscribed(ns, subscription.filter);
  }

  /**
   * Exchanges a subscription for one of the same client and filter with other options: the filter is
   * never without a subscriber in between [MQTT-3.8.4-3].
   */
  replace(before: Subscription, after: Subscription): void {
    const trie = this.#tries.get(before.subscriber.ns);
    trie?.add(after.filter, after);
    trie?.remove(before.filter, before);
  }

  /** Sends a client's message to the others, with nobody waiting for the outcome. */
  publish(message: Message, publisher: { readonly client: string }): void {
    this.#fanOut(message, publisher.client, undefined);
  }

  /**
   * Hands over a message and tells how that ended; one effect id is applied once.
   *
   * Its topic was put together from names and payloads, so it may be none: that is refused for good.
   */
  deliver(command: Command): Promise<CommandOutcome> {
    if (checkTopicName(command.topic, MQTT_ITSELF) !== undefined) {
      const code = refusals["topic-name-invalid"].reason;
      return Promise.resolve({ outcome: "refused", code });
    }
    const { id } = command;
    if (id === undefined) return this.#deliverOnce(command);
    return this.#effects.once(id, () => this.#deliverOnce(withCorrelation(command, id)));
  }

  #deliverOnce(message: Message): Promise<CommandOutcome> {
    const delivery = new Delivery();
    this.#fanOut(message, undefined, delivery);
    delivery.allKnown();
    return delivery.outcome;
  }

  #fanOut(message: Message, publisher: string | undefined, delivery: Delivery | undefined): void {
    const matching = this.#tries.get(message.ns)?.match(message.topic);
    if (matching === undefined) return;
    if (matching.length > 1) {
      for (const copy of oneForEach(matching, publisher)) send(message, copy, delivery);
      return;
    }
    const [only] = matching;
    if (only !== undefined && !isEcho(only, publisher)) send(message, addressed(only), delivery);
  }
}

/** Whom a message goes to, and how. */
interface Addressee {
  readonly subscriber: Subscriber;
  qos: 0 | 1;
  identifiers: number[] | undefined;
}

function send(message: Message, to: Addressee, delivery: Delivery | undefined): void {
  delivery?.expect();
  if (!to.subscriber.mayReceive(message.topic)) {
    delivery?.refused(refusals["not-authorized"].reason);
    return;
  }
  const qos = message.qos < to.qos ? message.qos : to.qos;
  to.subscriber.take({ message, qos, identifiers: to.identifiers, delivery });
}

/** @returns whether No Local keeps a message from the client that published it [MQTT-3.8.3-3] */
function isEcho(subscription: Subscription, publisher: string | undefined): boolean {
  return subscription.noLocal && subscription.subscriber.client === publisher;
}

function addressed({ subscriber, qos, identifier }: Subscription): Addressee {
  return { subscriber, qos, identifiers: identifier === undefined ? undefined : [identifier] };
}

function oneForEach(
  matching: readonly Subscription[],
  publisher: string | undefined,
): Iterable<Addressee> {
  const bySubscriber = new Map<Subscriber, Addressee>();
  for (const subscription of matching) {
    if (isEcho(subscription, publisher)) continue;
    const known = bySubscriber.get(subscription.subscriber);
    if (known === undefined) {
      bySubscriber.set(subscription.subscriber, addressed(subscription));
      continue;
    }
    if (subscription.qos > known.qos) known.qos = subscription.qos;
    if (subscription.identifier !== undefined) {
      (known.identifiers ??= []).push(subscription.identifier);
    }
  }
  return bySubscriber.values();
}

function withCorrelation(command: Command, id: string): Message {
  const properties = { ...command.properties, correlationData: Buffer.from(id) };
  return { ...command, properties };
}

import { type Refusal, refuse, subackCode } from "../admit/refusals.ts";
import { checkSubscription } from "../admit/subscribe.ts";
import type { Subscription } from "../deliver/subscriber.ts";
import type { Session } from "./session.ts";
import { encodeControl } from "./wire/control.ts";
import type { SubscribePacket, UnsubscribePacket } from "./wire/subscribe-packet.ts";

const NO_SUBSCRIPTION_EXISTED = 0x11;

/** Answers each filter of a SUBSCRIBE by itself: the QoS that is granted, or why it is refused. */
export function takeSubscribe(session: Session, packet: SubscribePacket): void {
  const granted = packet.asked.map((asked) => {
    const refusal = refusalOf(session, asked.filter);
    if (refusal !== undefined) return subackCode(refusal.refused, session.info.protocol);
    subscribe(session, { subscriber: session, identifier: packet.identifier, ...asked });
    return asked.qos;
  });
  const { packetId: messageId } = packet;
  session.connection.send(
    encodeControl({ cmd: "suback", messageId, granted }, session.info.protocol),
  );
}

export function takeUnsubscribe(session: Session, packet: UnsubscribePacket): void {
  const granted = packet.filters.map((filter) => {
    const subscription = session.subscriptions.get(filter);
    if (subscription === undefined) return NO_SUBSCRIPTION_EXISTED;
    session.subscriptions.delete(filter);
    session.world.deliveries.unsubscribe(subscription);
    return 0;
  });
  const { packetId: messageId } = packet;
  session.connection.send(
    encodeControl({ cmd: "unsuback", messageId, granted }, session.info.protocol),
  );
}

function refusalOf({ world, subscriptions, info }: Session, filter: string): Refusal | undefined {
  const held = subscriptions.has(filter) ? 0 : subscriptions.size;
  const refusal = checkSubscription(filter, held, world.limits);
  if (refusal !== undefined) return refusal;
  return world.broker.authorize(info, "subscribe", filter)
    ? undefined
    : refuse("not-authorized", `subscribe to ${filter}`);
}

function subscribe(session: Session, subscription: Subscription): void {
  const { deliveries } = session.world;
  const before = session.subscriptions.get(subscription.filter);
  session.subscriptions.set(subscription.filter, subscription);
  if (before === undefined) deliveries.subscribe(subscription);
  else deliveries.replace(before, subscription);
}

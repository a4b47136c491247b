import { checkPublish } from "../admit/publish.ts";
import { type Refusal, refuse } from "../admit/refusals.ts";
import { endRefusing } from "./ending.ts";
import { expiryOf, PublishUnderWay } from "./inbox.ts";
import type { Session } from "./session.ts";
import type { PublishPacket } from "./wire/publish-decode.ts";

/**
 * Takes a client's PUBLISH: checks it and hands it to the broker, or refuses it.
 *
 * The caller has seen to it that the broker is not congested when QoS 1 comes here.
 */
export function takePublish(session: Session, packet: PublishPacket): void {
  const { world, inbox, info } = session;
  const fatal =
    checkPublish(packet, info.protocol, world.limits.payloadBytesMax) ??
    resolveAlias(session, packet) ??
    checkRoom(session, packet);
  if (fatal !== undefined) {
    world.counters.publishesRefused++;
    session.connection.end(endRefusing(fatal));
    return;
  }
  if (packet.qos === 0) world.counters.publishesQos0++;
  else world.counters.publishesQos1++;
  if (isRepeat(session, packet)) {
    world.counters.repeatsIgnored++;
    return;
  }

  const until = expiryOf(world.clock, packet.expirySeconds);
  const publish = new PublishUnderWay(info, packet, packet.packetId, until);
  const refusal = session.refusalOfTopic(packet.topic);
  if (refusal !== undefined) session.refusePublish(refusal, publish);
  else if (packet.qos === 0 && world.broker.congested()) world.counters.publishesDropped++;
  else inbox.accept(publish);
  if (packet.retain) session.retainIgnored(publish.trace); // it has one once it is handed over
}

/** Puts the topic in that an alias stands for, or learns what it stands for (3.3.2.3.4). */
function resolveAlias(session: Session, packet: PublishPacket): Refusal | undefined {
  const alias = packet.topicAlias;
  if (alias === undefined) {
    return packet.topic === "" && session.speaks5
      ? refuse("protocol-error", "neither topic nor alias (3.3.2.1)")
      : undefined;
  }
  if (alias === 0 || alias > session.world.limits.topicAliasMax) {
    return refuse("topic-alias-invalid", `alias ${alias} [MQTT-3.3.2-8]`);
  }
  if (packet.topic !== "") {
    session.aliases[alias] = packet.topic;
    return undefined;
  }
  const topic = session.aliases[alias];
  if (topic === undefined) return refuse("protocol-error", `alias ${alias} stands for no topic`);
  packet.topic = topic;
  return undefined;
}

/** A 3.1.1 client knows no Receive Maximum: its socket is not read instead. */
function checkRoom({ inbox, world, speaks5 }: Session, packet: PublishPacket): Refusal | undefined {
  return packet.qos > 0 && speaks5 && inbox.unacknowledged >= world.limits.receiveMax
    ? refuse("receive-maximum-exceeded", `${inbox.unacknowledged} unacknowledged [MQTT-3.3.4-7]`)
    : undefined;
}

/**
 * Before MQTT 5 a client may send a publish again that it got no PUBACK for; until the PUBACK left it
 * is the same message (4.3.2), and the PUBACK that is on its way answers both.
 */
function isRepeat({ inbox, speaks5 }: Session, packet: PublishPacket): boolean {
  return packet.dup && !speaks5 && inbox.holds(packet.packetId);
}

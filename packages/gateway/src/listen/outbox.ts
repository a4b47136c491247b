import type { Clock } from "@millrace/shared/ports/clock";
import { refusals } from "../admit/refusals.ts";
import type { Delivery } from "../deliver/delivery.ts";
import type { Copy } from "../deliver/subscriber.ts";
import type { Counters } from "./counters.ts";
import type { MqttLimits } from "./limits.ts";
import { Line } from "./line.ts";
import type { Outlet } from "./outlet.ts";
import { type EncodedPublish, encodePublish } from "./wire/publish-encode.ts";

/** What a client said in CONNECT about what it can take. */
export interface Receiver {
  readonly speaks5: boolean;
  /** QoS 1 messages that may be unacknowledged at once [MQTT-3.3.4-9]. */
  readonly receiveMaximum: number;
  /** Of a whole packet [MQTT-3.1.2-24]. */
  readonly packetBytesMax: number;
  /** Asked again for what had to wait, so that a revoked right stops it too. */
  mayReceive(topic: string): boolean;
}

/** What all outboxes of a listener share. */
export interface OutboxWorld {
  readonly limits: MqttLimits;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** Beside payload and topic, what a waiting copy holds. */
const COPY_BYTES = 200;

/**
 * Messages on their way to one client.
 *
 * B1 Messages leave in the order in which they came; one that waits makes all later ones wait [MQTT-4.6.0-6].
 * B2 At most `outboundMessagesMax` and `outboundBytesMax` wait. QoS 0 gives way first, the oldest before
 *    the others; a QoS 1 message that still finds no room is refused.
 * B3 At most `receiveMaximum` QoS 1 messages are unacknowledged; their payloads are not kept, since a
 *    clean session never sends one twice.
 * B4 Every copy's delivery is told exactly one fate.
 */
export class Outbox {
  readonly #outlet: Outlet;
  readonly #receiver: Receiver;
  readonly #world: OutboxWorld;
  readonly #waiting = new Line<Copy>();
  #waitingBytes = 0;
  #waitingQos0 = 0;
  /** By packet id. */
  readonly #unacknowledged = new Map<number, Delivery | undefined>();
  #lastId = 0;

  constructor(outlet: Outlet, receiver: Receiver, world: OutboxWorld) {
    this.#outlet = outlet;
    this.#receiver = receiver;
    this.#world = world;
  }

  offer(copy: Copy): void {
    if (this.#waiting.length === 0 && this.#canSend(copy)) this.#send(copy);
    else this.#wait(copy);
  }

  /** The client answered a packet. @returns whether it was one of ours */
  acknowledge(packetId: number, code: number): boolean {
    const delivery = this.#unacknowledged.get(packetId);
    if (!this.#unacknowledged.delete(packetId)) return false;
    delivery?.acknowledged(code);
    if (this.#waiting.length > 0) this.pump();
    return true;
  }

  /** Sends what waits, as far as the socket and the client take it. */
  pump(): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.#canSend(next)) return;
      this.#waiting.shift();
      this.#left(next);
      if (this.#receiver.mayReceive(next.message.topic)) this.#send(next);
      else next.delivery?.refused(refusals["not-authorized"].reason);
    }
  }

  /** The connection is over: nobody will answer for what is on its way. */
  lose(): void {
    for (const delivery of this.#unacknowledged.values()) delivery?.lost();
    this.#unacknowledged.clear();
    for (let copy = this.#waiting.shift(); copy !== undefined; copy = this.#waiting.shift()) {
      this.#left(copy);
      copy.delivery?.lost();
    }
  }

  #canSend(copy: Copy): boolean {
    if (!this.#outlet.isOpen) return false;
    return copy.qos === 0 || this.#unacknowledged.size < this.#receiver.receiveMaximum;
  }

  #send(copy: Copy): void {
    const { counters, clock } = this.#world;
    const { expiresAtMs } = copy.message;
    const leftMs = expiresAtMs === undefined ? undefined : expiresAtMs - clock.wallMs();
    if (leftMs !== undefined && leftMs <= 0) {
      counters.sendsDroppedExpired++;
      copy.delivery?.lost();
      return;
    }
    const packetId = copy.qos === 0 ? 0 : this.#nextId();
    const packet = this.#encode(copy, packetId, leftMs);
    if (packet.length > this.#receiver.packetBytesMax) {
      counters.sendsDroppedTooLarge++;
      copy.delivery?.refused(refusals["packet-too-large"].reason);
    } else if (copy.qos === 0) {
      counters.sentQos0++;
      this.#outlet.addDelivery(packet.head, packet.tail, copy.delivery);
    } else {
      counters.sentQos1++;
      this.#lastId = packetId;
      this.#unacknowledged.set(packetId, copy.delivery);
      this.#outlet.addDelivery(packet.head, packet.tail, undefined);
    }
  }

  #encode(copy: Copy, packetId: number, leftMs: number | undefined): EncodedPublish {
    const { topic, payload, properties } = copy.message;
    const v5 = this.#receiver.speaks5
      ? {
          properties,
          identifiers: copy.identifiers,
          expirySeconds: leftMs === undefined ? undefined : Math.ceil(leftMs / 1_000),
        }
      : undefined;
    return encodePublish({ topic, payload, qos: copy.qos, packetId, v5 });
  }

  /** The next packet id that is free; there is one, since `receiveMaximum` is at most 65,535. */
  #nextId(): number {
    let id = this.#lastId;
    do id = id === 65_535 ? 1 : id + 1;
    while (this.#unacknowledged.has(id));
    return id;
  }

  #wait(copy: Copy): void {
    const bytes = bytesOf(copy);
    if (copy.qos > 0) while (!this.#hasRoom(bytes) && this.#waitingQos0 > 0) this.#dropQos0();
    if (!this.#hasRoom(bytes)) {
      this.#tooSlow(copy);
      return;
    }
    this.#waiting.push(copy);
    this.#waitingBytes += bytes;
    if (copy.qos === 0) this.#waitingQos0++;
  }

  #hasRoom(bytes: number): boolean {
    const { outboundMessagesMax, outboundBytesMax } = this.#world.limits;
    return (
      this.#waiting.length < outboundMessagesMax && this.#waitingBytes + bytes <= outboundBytesMax
    );
  }

  #dropQos0(): void {
    const oldest = this.#waiting.remove((copy) => copy.qos === 0);
    if (oldest === undefined) return;
    this.#left(oldest);
    this.#tooSlow(oldest);
  }

  #tooSlow(copy: Copy): void {
    this.#world.counters.sendsDroppedSlow++;
    copy.delivery?.refused(refusals["quota-exceeded"].reason);
  }

  #left(copy: Copy): void {
    this.#waitingBytes -= bytesOf(copy);
    if (copy.qos === 0) this.#waitingQos0--;
  }
}

function bytesOf({ message }: Copy): number {
  let bytes = COPY_BYTES + message.payload.length + message.topic.length;
  const said = message.properties;
  if (said === undefined) return bytes;
  bytes += (said.contentType?.length ?? 0) + (said.responseTopic?.length ?? 0);
  bytes += said.correlationData?.length ?? 0;
  for (const [name, value] of said.userProperties ?? []) bytes += name.length + value.length;
  return bytes;
}

import { type Traceparent, traceFacts } from "@millrace/shared/contract/trace";
import { isOperational, messageOf } from "@millrace/shared/errors/operational";
import type { Clock } from "@millrace/shared/ports/clock";
import { type RefusalName, refusals } from "../admit/refusals.ts";
import type { Message, MessageProperties } from "../deliver/message.ts";
import { type ClientInfo, type Publication, PublishRefused } from "./broker.ts";
import { Line } from "./line.ts";
import type { Session } from "./session.ts";

const UNANSWERED = -1;

/** A publish from its arrival until it and all before it are answered. */
export class PublishUnderWay implements Publication, Message {
  readonly client: ClientInfo;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly properties: MessageProperties | undefined;
  readonly expiresAtMs: number | undefined;
  /** 0 where no PUBACK is due: at QoS 0, and for a will. */
  readonly packetId: number;
  trace: Traceparent | undefined = undefined;
  /** 0: the log has it; above: why it never will. */
  answer = UNANSWERED;

  constructor(
    client: ClientInfo,
    said: {
      readonly topic: string;
      readonly payload: Buffer;
      readonly qos: number;
      readonly properties: MessageProperties | undefined;
    },
    packetId: number,
    expiresAtMs: number | undefined,
  ) {
    this.client = client;
    this.topic = said.topic;
    this.payload = said.payload;
    this.qos = said.qos === 0 ? 0 : 1;
    this.properties = said.properties;
    this.expiresAtMs = expiresAtMs;
    this.packetId = packetId;
  }

  get ns(): string {
    return this.client.ns;
  }
}

/** When a message that may be that old expires; undefined for one that never does. */
export function expiryOf(clock: Clock, seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : clock.wallMs() + seconds * 1_000;
}

/**
 * The publishes of one client that are under way to the log.
 *
 * M1 PUBACK leaves only after the log has the record on all in-sync replicas.
 * M2 Publishes are handed to the broker, and PUBACKs leave, in the order in which the publishes came
 *    [MQTT-4.6.0-2].
 * M3 Other subscribers get a publish after M1 holds for it, and in the order of M2 [MQTT-4.6.0-5].
 * M4 A publish that was handed over goes to its end, whether the connection lives or not.
 */
export class Inbox {
  readonly #session: Session;
  readonly #line = new Line<PublishUnderWay>();
  #unacknowledged = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** QoS 1 publishes without PUBACK: what Receive Maximum bounds. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  holds(packetId: number): boolean {
    for (const publish of this.#line) if (publish.packetId === packetId) return true;
    return false;
  }

  accept(publish: PublishUnderWay): void {
    this.#enter(publish);
    this.#session.world.broker.publish(publish).then(
      () => this.#answered(publish, 0),
      (error: unknown) => this.#failed(publish, error),
    );
  }

  /** Gives a publish its PUBACK with a code of 0x80 or more, when its turn comes. */
  refuse(publish: PublishUnderWay, code: number): void {
    this.#enter(publish);
    this.#answered(publish, code);
  }

  #enter(publish: PublishUnderWay): void {
    this.#line.push(publish);
    this.#session.world.underWay.begun();
    if (publish.packetId > 0) this.#unacknowledged++;
  }

  #failed(publish: PublishUnderWay, error: unknown): void {
    const refused = refusalOf(error);
    this.#session.world.counters.publishesRefused++;
    const reason = `${refused}: ${messageOf(error)}`;
    this.#session.log("warn", "publish-failed", reason, traceFacts(publish.trace));
    // A code that PUBACK does not have (3.4.2.1) would be malformed.
    const row = refusals[refused];
    this.#answered(publish, row.puback ? row.reason : refusals.unspecified.reason);
  }

  #answered(publish: PublishUnderWay, answer: number): void {
    publish.answer = answer;
    let first = this.#line.first;
    if (first !== publish) return;
    while (first !== undefined && first.answer !== UNANSWERED) {
      this.#line.shift();
      this.#release(first);
      first = this.#line.first;
    }
    this.#session.publishesAnswered();
  }

  #release(publish: PublishUnderWay): void {
    const { world } = this.#session;
    if (publish.answer === 0) {
      world.deliveries.publish(publish, publish.client);
      world.broker.forward(publish);
    }
    if (publish.packetId > 0) {
      this.#unacknowledged--;
      this.#session.acknowledge(publish.packetId, publish.answer);
    }
    world.underWay.ended();
  }
}

function refusalOf(error: unknown): RefusalName {
  if (error instanceof PublishRefused) return error.refused;
  return isOperational(error, "LOG-003") ? "quota-exceeded" : "unspecified";
}

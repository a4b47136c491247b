import { type Traceparent, traceFacts } from "@millrace/shared/contract/trace";
import { pubackCode, type Refusal, refuse } from "../admit/refusals.ts";
import { checkPublishTopic } from "../admit/publish.ts";
import type { Copy, Subscriber, Subscription } from "../deliver/subscriber.ts";
import type { ClientInfo } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { endByServer, endRefusing } from "./ending.ts";
import { expiryOf, Inbox, PublishUnderWay } from "./inbox.ts";
import type { Listening } from "./listening.ts";
import type { ListenLine } from "./log.ts";
import { Outbox, type Receiver } from "./outbox.ts";
import type { Will } from "./wire/connect-packet.ts";
import { encodePuback } from "./wire/puback.ts";

/** What of a CONNECT lives on with the session. */
export interface SessionFacts {
  readonly info: ClientInfo;
  readonly will: Will | undefined;
  readonly receiveMaximum: number;
  readonly packetBytesMax: number;
}

/**
 * A client that was let in: its subscriptions, what it publishes and what it is sent.
 *
 * Sessions are clean: this one lives and dies with its connection. Its parts are made when they are
 * first used, for most of 100,000 devices only publish, or only listen.
 */
export class Session implements Subscriber, Receiver {
  readonly world: Listening;
  readonly info: ClientInfo;
  readonly connection: Connection;
  readonly receiveMaximum: number;
  readonly packetBytesMax: number;
  readonly subscriptions = new Map<string, Subscription>();
  readonly inbox: Inbox;
  #outbox: Outbox | undefined = undefined;
  #will: Will | undefined;
  /** By topic alias; a client's alone, and never longer than the announced maximum. */
  #aliases: (string | undefined)[] | undefined = undefined;
  #checkedTopic: string | undefined = undefined;
  #checkedRefusal: Refusal | undefined = undefined;
  #retainLogged = false;
  #leaving: (() => void) | undefined = undefined;

  constructor(world: Listening, connection: Connection, facts: SessionFacts) {
    this.world = world;
    this.connection = connection;
    this.info = facts.info;
    this.#will = facts.will;
    this.receiveMaximum = facts.receiveMaximum;
    this.packetBytesMax = facts.packetBytesMax;
    this.inbox = new Inbox(this);
  }

  get ns(): string {
    return this.info.ns;
  }

  get client(): string {
    return this.info.client;
  }

  get speaks5(): boolean {
    return this.info.protocol === 5;
  }

  mayReceive(topic: string): boolean {
    const may = this.world.broker.authorize(this.info, "receive", topic);
    if (!may) this.world.counters.sendsDenied++;
    return may;
  }

  take(copy: Copy): void {
    this.#outbox ??= new Outbox(this.connection.outlet, this, this.world);
    this.#outbox.offer(copy);
  }

  /** The client answered a message of ours; one that it does not have is no harm (4.3.2). */
  acknowledged(packetId: number, code: number): void {
    this.#outbox?.acknowledge(packetId, code);
  }

  /** The socket takes more. */
  drained(): void {
    this.#outbox?.pump();
  }

  /** Says why nobody may publish to a topic; a device's next one is mostly the same as its last. */
  refusalOfTopic(topic: string): Refusal | undefined {
    if (topic !== this.#checkedTopic) {
      this.#checkedRefusal = checkPublishTopic(topic, this.world.limits);
      this.#checkedTopic = topic;
    }
    if (this.#checkedRefusal !== undefined) return this.#checkedRefusal;
    return this.world.broker.authorize(this.info, "publish", topic)
      ? undefined
      : refuse("not-authorized", `publish to ${topic}`);
  }

  /** The topics behind this client's aliases. */
  get aliases(): (string | undefined)[] {
    this.#aliases ??= [];
    return this.#aliases;
  }

  /** Takes a retained publish of a 3.1.1 client as one that is not, and says so once. */
  retainIgnored(trace?: Traceparent): void {
    this.world.counters.retainsIgnored++;
    if (this.#retainLogged) return;
    this.#retainLogged = true;
    const reason = "retained messages are not kept; taken as not retained";
    this.log("warn", "retain-ignored", reason, traceFacts(trace));
  }

  /** Answers a publish. A refusal that 3.1.1 has no code for ends the connection (4.8). */
  acknowledge(packetId: number, code: number): void {
    if (code === 0 || this.speaks5) this.connection.outlet.add(encodePuback(packetId, code));
    else this.connection.end(endRefusing(refuse("unspecified", "a publish was refused for good")));
  }

  /** Some publishes got their answer. */
  publishesAnswered(): void {
    this.connection.roomMade();
    if (this.inbox.isEmpty) this.#leaving?.();
  }

  /** Refuses a publish in the way that protocol and QoS allow. */
  refusePublish(refusal: Refusal, publish: PublishUnderWay): void {
    this.world.counters.publishesRefused++;
    const code = pubackCode(refusal.refused, this.info.protocol, publish.qos);
    if (code === "end") this.connection.end(endRefusing(refusal));
    else this.inbox.refuse(publish, code);
  }

  /** Ends when all publishes have their answer: the server is shutting down. */
  leave(): void {
    this.#leaving = () =>
      this.connection.end(endByServer("server-shutting-down", "the server is shutting down"));
    if (this.inbox.isEmpty) this.#leaving();
  }

  /** The connection is over. Called once. */
  closed(publishWill: boolean): void {
    const { broker, clients, deliveries } = this.world;
    clients.leave(this);
    for (const subscription of this.subscriptions.values()) deliveries.unsubscribe(subscription);
    this.subscriptions.clear();
    this.#outbox?.lose();
    broker.detached(this.info);
    if (publishWill) this.#publishWill();
    this.#will = undefined;
  }

  log(
    level: ListenLine["level"],
    event: ListenLine["event"],
    reason: string,
    facts: Pick<ListenLine, "trace_id"> = {},
  ): void {
    const { ns, client, address } = this.info;
    this.world.log({ level, event, ns, client, address, reason, ...facts });
  }

  /** At once: a Will Delay ends with the session (3.1.3.2.2), and ours ends with the connection. */
  #publishWill(): void {
    const will = this.#will;
    if (will === undefined) return;
    this.world.counters.willsPublished++;
    const until = expiryOf(this.world.clock, will.expirySeconds);
    this.inbox.accept(new PublishUnderWay(this.info, will, 0, until));
  }
}

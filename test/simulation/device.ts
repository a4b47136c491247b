import type { Copy, Subscriber, Subscription } from "@millrace/gateway/deliver/subscriber";
import type { GatewayProcess } from "./gateway-process.ts";
import { Channel } from "./network.ts";
import type { World } from "./world.ts";

const REFUSED = 0x87;

/** One connection of a device to a gateway. */
interface Session {
  readonly gateway: GatewayProcess;
  readonly up: Channel;
  readonly down: Channel;
  readonly subscription: Subscription;
  /** Copies that wait for the device's answer. */
  readonly waiting: Set<Copy>;
  open: boolean;
}

/**
 * A device that publishes at QoS 1 and takes commands. What it has no PUBACK for when a connection ends
 * it publishes again on the next one, to whichever gateway that is.
 */
export class Device {
  readonly name: string;
  /** Publishes that the gateway has answered. */
  readonly acknowledged = new Set<number>();
  /** How often it has published each. */
  readonly published = new Map<number, number>();
  readonly #world: World;
  readonly #unacknowledged = new Map<number, { topic: string; payload: Buffer }>();
  #session: Session | undefined;
  #isAway = false;
  #connecting = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.connect();
  }

  get isSettled(): boolean {
    return this.#unacknowledged.size === 0 && this.#session !== undefined;
  }

  /** @param n names this publish, whatever it says itself */
  publish(n: number, type: string, payload: Buffer): void {
    this.#unacknowledged.set(n, { topic: `dev/${this.name}/${type}`, payload });
    if (this.#session !== undefined) this.#send(this.#session, n);
  }

  #send({ gateway, up, down }: Session, n: number): void {
    const publish = this.#unacknowledged.get(n);
    if (publish === undefined) return;
    const message = { ns: "default", client: `c-${this.name}`, qos: 1 as const, ...publish };
    this.published.set(n, (this.published.get(n) ?? 0) + 1);
    up.send(() => {
      const answer = (): void =>
        down.send(() => {
          this.#unacknowledged.delete(n);
          this.acknowledged.add(n);
        });
      void gateway.ingest.write(message).then(answer, () => {});
    });
  }

  connect(): void {
    if (this.#connecting || this.#session !== undefined || this.#isAway) return;
    this.#connecting = true;
    const { scheduler } = this.#world;
    scheduler.after(scheduler.between(5, 400), () => {
      this.#connecting = false;
      const gateway = scheduler.pick(this.#world.gatewaysAlive());
      if (this.#isAway || this.#session !== undefined) return;
      if (gateway === undefined) return this.connect();
      this.#open(gateway);
    });
  }

  #open(gateway: GatewayProcess): void {
    const { scheduler, network } = this.#world;
    const session: Session = {
      gateway,
      up: new Channel(scheduler, network, gateway.process),
      down: new Channel(scheduler, network),
      subscription: {
        subscriber: this.#subscriber(() => session),
        filter: `dev/${this.name}/do/+`,
        qos: 1,
        noLocal: false,
        identifier: undefined,
      },
      waiting: new Set(),
      open: true,
    };
    this.#session = session;
    this.#world.note(this.name, () => `connects to ${gateway.process.name}`);
    gateway.process.atEnd(() => this.#lost(session));
    session.up.send(() => gateway.deliveries.subscribe(session.subscription));
    for (const n of this.#unacknowledged.keys()) this.#send(session, n);
  }

  #subscriber(session: () => Session): Subscriber {
    return {
      ns: "default",
      client: `c-${this.name}`,
      mayReceive: () => true,
      take: (copy) => this.#take(session(), copy),
    };
  }

  /** In the gateway: a command goes out to the device. */
  #take(session: Session, copy: Copy): void {
    const id = copy.message.properties?.correlationData?.toString() ?? "";
    this.#world.handedOver(session.gateway, id);
    if (!session.open) return copy.delivery?.lost();
    session.waiting.add(copy);
    session.down.send(() => this.#receive(session, copy, id));
  }

  #receive(session: Session, copy: Copy, id: string): void {
    const { scheduler, faults } = this.#world;
    if (!session.open) return;
    if (scheduler.chance(faults.vanishes)) return this.#lost(session);
    const refuses = scheduler.chance(faults.refused);
    this.#world.received(this.name, id, refuses);
    session.up.send(() => {
      if (!session.waiting.delete(copy)) return;
      if (!refuses) session.gateway.delivered.add(id);
      copy.delivery?.acknowledged(refuses ? REFUSED : 0);
    });
  }

  /** The connection is gone: the device knows at once, the gateway when it notices. */
  #lost(session: Session): void {
    if (!session.open) return;
    session.open = false;
    if (this.#session === session) this.#session = undefined;
    session.up.send(() => {
      session.gateway.deliveries.unsubscribe(session.subscription);
      for (const copy of session.waiting) copy.delivery?.lost();
      session.waiting.clear();
    });
    this.connect();
  }

  /** Its connection breaks, and it connects anew. */
  reconnect(): void {
    if (this.#session !== undefined) this.#lost(this.#session);
  }

  /** Goes away for a while. */
  leave(ms: number): void {
    this.#isAway = true;
    this.reconnect();
    this.#world.scheduler.after(ms, () => this.comeBack());
  }

  comeBack(): void {
    this.#isAway = false;
    this.connect();
  }

  /** A device whose gateway is silent looks for another one. */
  tired(gateway: GatewayProcess): void {
    if (this.#session?.gateway === gateway && gateway.process.isPaused) this.reconnect();
  }
}

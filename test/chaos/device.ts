import { setTimeout as sleep } from "node:timers/promises";
import mqtt, { type IPublishPacket, type MqttClient } from "mqtt";

/** A command as it came. `life` counts the device's connections. */
export interface Received {
  readonly topic: string;
  readonly effect: string;
  readonly payload: string;
  readonly life: number;
  readonly dup: boolean;
}

/** What a device knows of one of its events; times are of `performance.now()`. */
export interface Published {
  readonly at: number;
  acknowledgedAt?: number;
  answeredAt?: number;
}

export interface DeviceOptions {
  /** Between two events. */
  readonly paceMs: number;
  /** Events without a PUBACK, beyond which it waits. */
  readonly windowMax: number;
  /** A connection without a PUBACK for this long is given up, and another gateway is tried. */
  readonly patienceMs: number;
  /** What each event carries besides, in bytes. */
  readonly ballastBytes?: number;
}

const CONNECT_MS_MAX = 3_000;

/**
 * A device that publishes without end, and keeps a ledger of every PUBACK and every command.
 *
 * What was not acknowledged on one connection it publishes again on the next, first and in order; its
 * event's id tells the engine.
 */
export class LedgerDevice {
  readonly name: string;
  readonly room: string;
  /** By the number in the event's id, which counts from 1. */
  readonly events: Published[] = [];
  readonly received: Received[] = [];
  readonly #options: DeviceOptions;
  readonly #unacknowledged = new Set<number>();
  #client: MqttClient | undefined;
  #life = 0;
  #answered = 0;
  #running: Promise<void> | undefined;
  /** On the connection that it has now. */
  #publish: ((n: number) => void) | undefined;
  #resting = false;
  #finishing = false;
  #closed = false;

  constructor(name: string, room: string, options: DeviceOptions) {
    this.name = name;
    this.room = room;
    this.#options = options;
  }

  get acknowledged(): number {
    return this.events.length - this.#unacknowledged.size;
  }

  /** Events whose command has come. */
  get answered(): number {
    return this.#answered;
  }

  /** @param gateways addresses of those that are there now */
  start(gateways: () => readonly string[]): void {
    this.#running = this.#live(gateways);
  }

  /**
   * Publishes that many events at once, whatever waits for a PUBACK; not more than the 64 that a gateway
   * lets a client have under way.
   * @throws when it is not connected
   */
  burst(count: number): void {
    if (this.#publish === undefined) throw new Error(`${this.name} is not connected`);
    for (let i = 0; i < count; i++) this.#publish(this.#next());
  }

  /** Publishes nothing new from its own pace, until `goOn`. */
  rest(): void {
    this.#resting = true;
  }

  goOn(): void {
    this.#resting = false;
  }

  /** Publishes nothing new, and resolves when all is acknowledged. Stays connected for its commands. */
  async finish(): Promise<void> {
    this.#finishing = true;
    while (this.#unacknowledged.size > 0) await sleep(20);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#finishing = true;
    this.#client?.end(true);
    await this.#running;
  }

  async #live(gateways: () => readonly string[]): Promise<void> {
    while (!this.#closed) {
      const urls = gateways();
      const url = urls[Math.floor(Math.random() * urls.length)];
      const client = url === undefined ? undefined : await this.#connect(url);
      if (client === undefined) await sleep(100);
      else await this.#work(client);
    }
  }

  /** @returns undefined when nobody answered in time, or said no */
  async #connect(url: string): Promise<MqttClient | undefined> {
    this.#life += 1;
    const life = this.#life;
    const client = mqtt.connect(url, {
      clientId: this.name,
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS_MAX,
    });
    this.#client = client;
    client.on("error", () => {}); // connections are cut on purpose
    client.on("message", (topic, _payload, packet) => this.#take(topic, packet, life));
    const connected = await within(CONNECT_MS_MAX, (done) => {
      client.once("connect", () => done(true)).once("close", () => done(false));
    });
    const subscribed =
      connected &&
      (await within(CONNECT_MS_MAX, (done) => {
        client.subscribe(`chaos/${this.name}/+`, { qos: 1 }, (error) => done(!error));
      }));
    if (subscribed) return client;
    client.end(true);
    return undefined;
  }

  #take(topic: string, { payload, properties, dup }: IPublishPacket, life: number): void {
    const effect = String(properties?.correlationData ?? "");
    const text = String(payload);
    this.received.push({ topic, effect, payload: text, life, dup });
    if (!topic.endsWith("/echo")) return;
    const { id } = JSON.parse(text) as { id: string };
    const event = this.events[Number(id.slice(this.name.length + 1)) - 1];
    if (event === undefined || event.answeredAt !== undefined) return;
    event.answeredAt = performance.now();
    this.#answered += 1;
  }

  /** Publishes on one connection until that ends or is given up. */
  async #work(client: MqttClient): Promise<void> {
    const { paceMs, windowMax, patienceMs, ballastBytes } = this.#options;
    const ballast = ballastBytes === undefined ? undefined : "x".repeat(ballastBytes);
    let index = 0;
    let heardAt = performance.now();
    const publish = (n: number): void => {
      index += 1;
      const id = `${this.name}-${n}`;
      const payload = JSON.stringify({ id, n, life: this.#life, index, ballast });
      client.publish(`chaos/${this.room}/${this.name}/tick`, payload, { qos: 1 }, (error) => {
        if (error) return;
        heardAt = performance.now();
        this.#acknowledge(n);
      });
    };
    this.#publish = publish;
    for (const n of [...this.#unacknowledged].toSorted((a, b) => a - b)) publish(n);
    while (client.connected && !this.#closed) {
      if (this.#unacknowledged.size === 0) heardAt = performance.now();
      if (performance.now() - heardAt > patienceMs) break;
      const mayPublish = !this.#finishing && !this.#resting;
      if (mayPublish && this.#unacknowledged.size < windowMax) publish(this.#next());
      await sleep(paceMs * (0.5 + Math.random()));
    }
    this.#publish = undefined;
    client.end(true);
  }

  #next(): number {
    const n = this.events.push({ at: performance.now() });
    this.#unacknowledged.add(n);
    return n;
  }

  #acknowledge(n: number): void {
    const event = this.events[n - 1];
    if (event === undefined) return;
    event.acknowledgedAt ??= performance.now();
    this.#unacknowledged.delete(n);
  }
}

/** @returns what `ask` was answered; false after a while */
function within(ms: number, ask: (done: (answer: boolean) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    ask((answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

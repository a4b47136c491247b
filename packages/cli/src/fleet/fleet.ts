import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";
import { messageOf } from "@millrace/shared/errors/operational";
import { CommandFailed, exitCodes } from "../client/client.ts";

export interface FleetOptions {
  readonly url: string;
  readonly rooms: number;
  readonly seed: number;
  readonly token: string | undefined;
  /** Told what happens, a line each. */
  readonly say: (line: string) => void;
}

const names = ["hall", "kitchen", "office", "attic", "cellar", "garage", "library", "lobby"];

/** Where people move: which client says so, on which topics, and which one is the lamp. */
interface Place {
  readonly name: string;
  readonly sensor: string;
  readonly motion: string;
  readonly clear: string;
  readonly lamp: string;
  readonly light: string;
}

/** A room is one thing, with a sensor and a lamp in it. */
function roomOf(name: string): Place {
  const [client, topic] = [`room-${name}`, `site/${name}`];
  const [motion, clear, light] = [`${topic}/motion`, `${topic}/clear`, `${topic}/light/set`];
  return { name, sensor: client, motion, clear, lamp: client, light };
}

/** The stairs have a sensor and a lamp that are things of their own, as examples/stairs.yaml binds them. */
const stairs: Place = {
  name: "stairs",
  sensor: "stairs-sensor",
  motion: "sensor/stairs-sensor/motion",
  clear: "sensor/stairs-sensor/clear",
  lamp: "stairs-lamp",
  light: "lamp/stairs-lamp/set",
};

/** Rooms that people walk through, one MQTT client each, and stairs with two. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #spots: Spot[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** @throws CommandFailed when nobody answers */
  async start(): Promise<void> {
    const { rooms, seed } = this.#options;
    const random = randomFrom(seed);
    const places = Array.from({ length: rooms }, (_, i) => {
      const round = Math.floor(i / names.length) + 1;
      return roomOf(`${names[i % names.length]}${round === 1 ? "" : `-${round}`}`);
    });
    for (const place of [...places, stairs]) {
      const spot = new Spot(place, random, this.#options);
      this.#spots.push(spot);
      await spot.start();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#spots.map((spot) => spot.stop()));
  }
}

/** A goodbye waits for what is still under way, for so long. */
const GOODBYE_MS_MAX = 500;

/** The simulated day: somebody comes in, moves about, leaves. Ms. */
const PAUSE_MS = { least: 2_000, most: 12_000 };

/** A place with somebody in it, now and then. */
class Spot {
  readonly #place: Place;
  readonly #random: () => number;
  readonly #options: FleetOptions;
  readonly #clients: MqttClient[] = [];
  #timer: NodeJS.Timeout | undefined;
  #occupied = false;
  #events = 0;

  constructor(place: Place, random: () => number, options: FleetOptions) {
    this.#place = place;
    this.#random = random;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { sensor: sensorId, lamp: lampId, light } = this.#place;
    const sensor = await this.#connect(sensorId);
    const lamp = lampId === sensorId ? sensor : await this.#connect(lampId);
    lamp.on("message", (_topic, payload) => {
      this.#options.say(`${this.#label}  lamp ${payload.toString()}`);
    });
    await lamp.subscribeAsync(light, { qos: 1 });
    this.#next(sensor);
  }

  async #connect(clientId: string): Promise<MqttClient> {
    const { url, token, say } = this.#options;
    try {
      const client = await connectAsync(url, {
        clientId,
        protocolVersion: 5,
        reconnectPeriod: 1_000,
        ...(token !== undefined && { username: clientId, password: token }),
      });
      this.#clients.push(client);
      client.on("error", (error) => say(`${this.#label}  ${error.message}`));
      return client;
    } catch (error) {
      throw new CommandFailed(`no answer from ${url}: ${messageOf(error)}`, exitCodes.unreachable);
    }
  }

  get #label(): string {
    return this.#place.name.padEnd(10);
  }

  #next(sensor: MqttClient): void {
    const { least, most } = PAUSE_MS;
    this.#timer = setTimeout(
      () => void this.#happen(sensor),
      least + this.#random() * (most - least),
    );
  }

  async #happen(sensor: MqttClient): Promise<void> {
    const { say } = this.#options;
    const { name, motion, clear } = this.#place;
    const leaves = this.#occupied && this.#random() < 0.4;
    this.#occupied = !leaves;
    this.#events += 1;
    const payload = leaves
      ? { id: `${name}-${this.#events}` }
      : { id: `${name}-${this.#events}`, lux: Math.round(5 + this.#random() * 50) };
    try {
      await sensor.publishAsync(leaves ? clear : motion, JSON.stringify(payload), { qos: 1 });
      say(`${this.#label}  ${leaves ? "clear" : `motion, ${String(payload.lux)} lux`}`);
    } catch (error) {
      say(`${this.#label}  not sent: ${messageOf(error)}`);
    }
    this.#next(sensor);
  }

  /** Says goodbye where somebody listens; whoever just hangs up is noted as lost, and its will is published. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#clients.map(sayGoodbye));
  }
}

async function sayGoodbye(client: MqttClient): Promise<void> {
  await Promise.race([
    client.endAsync().catch(() => {}),
    sleep(GOODBYE_MS_MAX, undefined, { ref: false }),
  ]);
  await client.endAsync(true).catch(() => {});
}

/** mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

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

/** Rooms that people walk through: one MQTT client each, with a motion sensor and a lamp. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #rooms: Room[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** @throws CommandFailed when nobody answers */
  async start(): Promise<void> {
    const { rooms, seed } = this.#options;
    const random = randomFrom(seed);
    for (let i = 0; i < rooms; i++) {
      const name = `${names[i % names.length]}${i < names.length ? "" : `-${Math.floor(i / names.length) + 1}`}`;
      const room = new Room(name, random, this.#options);
      this.#rooms.push(room);
      await room.start();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#rooms.map((room) => room.stop()));
  }
}

/** A goodbye waits for what is still under way, for so long. */
const GOODBYE_MS_MAX = 500;

/** The simulated day: somebody comes in, moves about, leaves. Ms. */
const PAUSE_MS = { least: 2_000, most: 12_000 };

class Room {
  readonly #name: string;
  readonly #random: () => number;
  readonly #options: FleetOptions;
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #occupied = false;
  #events = 0;

  constructor(name: string, random: () => number, options: FleetOptions) {
    this.#name = name;
    this.#random = random;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, token, say } = this.#options;
    try {
      this.#client = await connectAsync(url, {
        clientId: `room-${this.#name}`,
        protocolVersion: 5,
        reconnectPeriod: 1_000,
        ...(token !== undefined && { username: this.#name, password: token }),
      });
    } catch (error) {
      throw new CommandFailed(`no answer from ${url}: ${messageOf(error)}`, exitCodes.unreachable);
    }
    this.#client.on("message", (_topic, payload) => {
      say(`${this.#label}  lamp ${payload.toString()}`);
    });
    this.#client.on("error", (error) => say(`${this.#label}  ${error.message}`));
    await this.#client.subscribeAsync(`site/${this.#name}/light/set`, { qos: 1 });
    this.#next();
  }

  get #label(): string {
    return this.#name.padEnd(10);
  }

  #next(): void {
    const { least, most } = PAUSE_MS;
    this.#timer = setTimeout(() => void this.#happen(), least + this.#random() * (most - least));
  }

  async #happen(): Promise<void> {
    const { say } = this.#options;
    const leaves = this.#occupied && this.#random() < 0.4;
    this.#occupied = !leaves;
    this.#events += 1;
    const payload = leaves
      ? { id: `${this.#name}-${this.#events}` }
      : { id: `${this.#name}-${this.#events}`, lux: Math.round(5 + this.#random() * 50) };
    const topic = `site/${this.#name}/${leaves ? "clear" : "motion"}`;
    try {
      await this.#client?.publishAsync(topic, JSON.stringify(payload), { qos: 1 });
      say(`${this.#label}  ${leaves ? "clear" : `motion, ${String(payload.lux)} lux`}`);
    } catch (error) {
      say(`${this.#label}  not sent: ${messageOf(error)}`);
    }
    this.#next();
  }

  /** Says goodbye where somebody listens; whoever just hangs up is noted as lost, and its will is published. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    const client = this.#client;
    if (client === undefined) return;
    await Promise.race([
      client.endAsync().catch(() => {}),
      sleep(GOODBYE_MS_MAX, undefined, { ref: false }),
    ]);
    await client.endAsync(true).catch(() => {});
  }
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

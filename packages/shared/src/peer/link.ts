import { WebSocket } from "ws";
import type { Clock } from "../ports/clock.ts";
import type { CommandMessage, CommandOutcome, ForwardedPublish, GatewayLink } from "./gateways.ts";
import { type PeerAnswer, type PeerRequest, parseAnswers } from "./messages.ts";
import { FrameOutbox } from "./outbox.ts";

/** Told when a gateway is there, and what subscribers it has. */
export interface LinkEvents {
  opened(): void;
  added(ns: string, filter: string): void;
  removed(ns: string, filter: string): void;
}

export interface LinkOptions {
  readonly name: string;
  /** `ws://host:port` of the gateway's internal listener. */
  readonly url: string;
  readonly token: string | undefined;
  readonly clock: Clock;
  readonly events: LinkEvents;
}

const RECONNECT_MS = 300;
const PING_MS = 2_000;
/** A gateway that does not answer a ping by then is taken for gone. */
const SILENT_MS_MAX = 6_000;

/**
 * A connection to one gateway, kept for as long as the gateway is known.
 *
 * While it is down the gateway counts as having no subscribers, and what was handed over and not
 * answered counts as not delivered: an id is applied once, so it can be handed over again.
 */
export class PeerLink implements GatewayLink {
  readonly name: string;
  readonly #options: LinkOptions;
  readonly #outbox = new FrameOutbox<PeerRequest>((frame) => this.#socket?.send(frame));
  readonly #asked = new Map<number, (outcome: CommandOutcome) => void>();
  readonly #filters = new Map<string, readonly [ns: string, filter: string]>();
  #socket: WebSocket | undefined;
  #open = false;
  #n = 0;
  #heardAt = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: LinkOptions) {
    this.name = options.name;
    this.#options = options;
    this.#connect();
  }

  get connected(): boolean {
    return this.#open;
  }

  get url(): string {
    return this.#options.url;
  }

  #connect(): void {
    if (this.#closed) return;
    const { url, token, clock } = this.#options;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(url, {
      headers,
      handshakeTimeout: SILENT_MS_MAX,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    this.#heardAt = clock.monotonicMs();
    socket.on("open", () => {
      this.#open = true;
      this.#watch();
      this.#options.events.opened();
    });
    socket.on("message", (data: Buffer) => this.#take(data.toString("utf8")));
    socket.on("pong", () => {
      this.#heardAt = clock.monotonicMs();
    });
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#lost(socket));
  }

  #watch(): void {
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(PING_MS, () => {
      if (clock.monotonicMs() - this.#heardAt > SILENT_MS_MAX) return this.#socket?.terminate();
      this.#socket?.ping();
      this.#watch();
    });
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#open = false;
    this.#cancelTimer?.();
    for (const [ns, filter] of this.#filters.values()) this.#options.events.removed(ns, filter);
    this.#filters.clear();
    for (const resolve of this.#asked.values()) resolve({ outcome: "none" });
    this.#asked.clear();
    if (!this.#closed)
      this.#cancelTimer = this.#options.clock.after(RECONNECT_MS, () => this.#connect());
  }

  #take(frame: string): void {
    this.#heardAt = this.#options.clock.monotonicMs();
    let answers: PeerAnswer[];
    try {
      answers = parseAnswers(frame);
    } catch {
      return this.#socket?.terminate(); // not one of ours, or of another age
    }
    for (const answer of answers) this.#takeOne(answer);
  }

  #takeOne(answer: PeerAnswer): void {
    switch (answer.t) {
      case "hello":
        for (const [ns, filter] of answer.filters) this.#add(ns, filter);
        break;
      case "filters":
        for (const [ns, filter] of answer.remove) this.#remove(ns, filter);
        for (const [ns, filter] of answer.add) this.#add(ns, filter);
        break;
      case "outcome": {
        const { n, outcome, code } = answer;
        this.#asked.get(n)?.(outcome === "refused" ? { outcome, code: code ?? 0x80 } : { outcome });
        this.#asked.delete(n);
      }
    }
  }

  #add(ns: string, filter: string): void {
    if (this.#filters.has(`${ns}\0${filter}`)) return;
    this.#filters.set(`${ns}\0${filter}`, [ns, filter]);
    this.#options.events.added(ns, filter);
  }

  #remove(ns: string, filter: string): void {
    if (!this.#filters.delete(`${ns}\0${filter}`)) return;
    this.#options.events.removed(ns, filter);
  }

  deliver({ ns, topic, payload, qos, id, trace }: CommandMessage): Promise<CommandOutcome> {
    if (!this.#open) return Promise.resolve({ outcome: "none" });
    this.#n += 1;
    const n = this.#n;
    return new Promise((resolve) => {
      this.#asked.set(n, resolve);
      this.#outbox.push({
        t: "deliver",
        n,
        id,
        ns,
        topic,
        qos,
        payload: payload.toString("base64"),
        ...(trace !== undefined && { trace }),
      });
    });
  }

  publish({ ns, topic, payload, qos, client, properties }: ForwardedPublish): void {
    if (!this.#open) return;
    const sent = { ns, topic, qos, client, payload: payload.toString("base64") };
    this.#outbox.push({
      t: "publish",
      ...sent,
      ...(properties && { properties }),
    });
  }

  takeOver(ns: string, client: string, connection: string): void {
    if (this.#open) this.#outbox.push({ t: "takeover", ns, client, connection });
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#outbox.flush();
    this.#socket?.close();
    this.#socket?.terminate();
  }
}

import { TopicTrie } from "../mqtt/topic-trie.ts";
import type { Clock } from "../ports/clock.ts";
import type { SessionStore } from "../ports/session-store.ts";
import type { Observe } from "../telemetry/observe.ts";
import type { ForwardedPublish, GatewayLink, Gateways } from "./gateways.ts";
import { PeerLink } from "./link.ts";

export interface DirectoryOptions {
  readonly sessions: SessionStore;
  readonly clock: Clock;
  readonly token: string | undefined;
  /** A gateway of this process: it is called directly, and no connection to it is made. */
  readonly self?: string;
  /** Told when the list of gateways cannot be read. */
  readonly onTrouble: (error: unknown) => void;
}

/** What a gateway is to be asked once it can be reached. */
interface Waiting {
  readonly untilMs: number;
  readonly takeOvers: (readonly [ns: string, client: string, connection: string])[];
}

const LOOK_MS = 1_000;
/** How long a gateway that cannot be reached is waited for with what is to be asked of it. */
const TAKE_OVER_MS_MAX = 60_000;
/** Of one gateway; beyond it, they are not asked for. */
const TAKE_OVERS_MAX = 10_000;

/**
 * The gateways of the installation, as this process knows them: a connection to each, kept up to date.
 *
 * A connection that works outlives its gateway's entry: a list that was wiped says nothing of who lives.
 */
export class GatewayDirectory implements Gateways {
  readonly #options: DirectoryOptions;
  readonly #links = new Map<string, PeerLink>();
  readonly #tries = new Map<string, TopicTrie<GatewayLink>>();
  readonly #listeners = new Set<(ns: string, filter: string) => void>();
  readonly #waiting = new Map<string, Waiting>();
  #cancelLook: (() => void) | undefined;
  /** When it was last heard who is there. */
  #lookedMs: number;
  #stopped = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#lookedMs = options.clock.monotonicMs();
  }

  async start(): Promise<void> {
    await this.#look();
  }

  /** Looks who is there, now and every second. */
  async #look(): Promise<void> {
    try {
      this.#follow(await this.#options.sessions.gateways());
      this.#lookedMs = this.#options.clock.monotonicMs();
    } catch (error) {
      this.#options.onTrouble(error);
    }
    if (this.#stopped) return;
    this.#forgetWhoNeverCame();
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => void this.#look());
  }

  #follow(found: readonly { name: string; url: string }[]): void {
    if (this.#stopped) return;
    for (const [name, link] of this.#links) {
      if (link.connected || found.some((one) => one.name === name && one.url === link.url))
        continue;
      link.close();
      this.#links.delete(name);
    }
    for (const { name, url } of found) {
      if (name !== this.#options.self && !this.#links.has(name))
        this.#links.set(name, this.#link(name, url));
    }
  }

  #link(name: string, url: string): PeerLink {
    const { clock, token } = this.#options;
    const link: PeerLink = new PeerLink({
      name,
      url,
      token,
      clock,
      events: {
        opened: () => this.#opened(link),
        added: (ns, filter) => this.add(ns, filter, link),
        removed: (ns, filter) => this.remove(ns, filter, link),
      },
    });
    return link;
  }

  /** What there is to know of the other gateways now. */
  observe(observe: Observe): void {
    const all = [...this.#links.values()];
    const connected = all.filter((link) => link.connected).length;
    observe("millrace.peers", connected, { state: "connected" });
    observe("millrace.peers", all.length - connected, { state: "lost" });
    const ageMs = this.#options.clock.monotonicMs() - this.#lookedMs;
    observe("millrace.knowledge.age", ageMs / 1_000, { of: "gateways" });
  }

  /** A filter has its first subscriber at a gateway. */
  add(ns: string, filter: string, at: GatewayLink): void {
    let trie = this.#tries.get(ns);
    if (trie === undefined) {
      trie = new TopicTrie();
      this.#tries.set(ns, trie);
    }
    trie.add(filter, at);
    for (const listener of this.#listeners) listener(ns, filter);
  }

  /** The last subscriber of a filter left a gateway. */
  remove(ns: string, filter: string, at: GatewayLink): void {
    this.#tries.get(ns)?.remove(filter, at);
  }

  match(ns: string, topic: string): readonly GatewayLink[] {
    const found = this.#tries.get(ns)?.match(topic) ?? [];
    return found.length > 1 ? [...new Set(found)] : found;
  }

  onSubscribed(call: (ns: string, filter: string) => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  /** Sends a device's publish to the other gateways that have subscribers for it. */
  forward(publish: ForwardedPublish): void {
    if (this.#links.size === 0) return;
    for (const link of this.match(publish.ns, publish.topic)) {
      if (link instanceof PeerLink) link.publish(publish);
    }
  }

  /** Whether a gateway is there, as far as is known. */
  knows(gateway: string): boolean {
    return gateway === this.#options.self || this.#links.has(gateway);
  }

  /** Asks a gateway to end a connection whose client has come here, as soon as it can be reached. */
  takeOver(gateway: string, ns: string, client: string, connection: string): void {
    const link = this.#links.get(gateway);
    if (link?.connected) return link.takeOver(ns, client, connection);
    const { takeOvers } = this.#waitingFor(gateway);
    if (takeOvers.length < TAKE_OVERS_MAX) takeOvers.push([ns, client, connection]);
  }

  #waitingFor(gateway: string): Waiting {
    const known = this.#waiting.get(gateway);
    if (known !== undefined) return known;
    const untilMs = this.#options.clock.monotonicMs() + TAKE_OVER_MS_MAX;
    const waiting: Waiting = { untilMs, takeOvers: [] };
    this.#waiting.set(gateway, waiting);
    return waiting;
  }

  #opened(link: PeerLink): void {
    for (const takeOver of this.#waiting.get(link.name)?.takeOvers ?? [])
      link.takeOver(...takeOver);
    this.#waiting.delete(link.name);
  }

  #forgetWhoNeverCame(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [gateway, { untilMs }] of this.#waiting) {
      if (untilMs <= nowMs) this.#waiting.delete(gateway);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelLook?.();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }
}

import { messageOf } from "@millrace/shared/errors/operational";
import type { GatewayDirectory } from "@millrace/shared/peer/directory";
import type { Clock } from "@millrace/shared/ports/clock";
import type {
  GatewayInfo,
  SessionHolder,
  SessionStore,
} from "@millrace/shared/ports/session-store";
import type { ClientInfo } from "../listen/broker.ts";

/** Who is connected to this gateway. */
export interface ConnectedClients {
  /** Those that are connected now; whoever goes while they are gone through is left out. */
  all(): IterableIterator<ClientInfo>;
  has(client: ClientInfo): boolean;
  /** Ends a connection whose client has come to another gateway. */
  letGo(client: ClientInfo): void;
}

export interface SessionEntriesOptions {
  readonly gateway: GatewayInfo;
  readonly sessions: SessionStore;
  readonly directory: Pick<GatewayDirectory, "knows" | "takeOver">;
  readonly clients: ConnectedClients;
  readonly clock: Clock;
  readonly onTrouble: (what: string, why: string) => void;
}

const ANNOUNCE_MS = 2_000;
const ANNOUNCED_MS = 8_000;
/** Well before the store forgets a session that nobody let go of. */
const AGAIN_MS = 24 * 60 * 60 * 1_000;
/** Whoever lives has said so by then, and is known here: also where all that was said before is lost. */
const KNOWN_MS_MAX = 5_000;
/** How many clients are attached again at a time: 100,000 must not stand before everything else. */
const PORTION = 500;

/**
 * What the directory of sessions has of this gateway and its clients.
 *
 * One client id, one connection:
 *   E1 a client that connects to another gateway is let go here, also where the directory has lost
 *      since that it was here, or never heard of it
 *   E2 a client that is attached again is not taken back from a gateway to which it went meanwhile
 *
 * The directory is a convenience: without it, clients are served all the same.
 */
export class SessionEntries {
  readonly #options: SessionEntriesOptions;
  #cancelAnnounce: (() => void) | undefined;
  /** Whether the directory may lack clients that are here. */
  #isLacking = false;
  #attachingAgain = false;
  #attachedAgainMs: number;
  /** Gateways that hold clients of ours, and of which nothing is heard: since when. */
  readonly #unknown = new Map<string, number>();
  #stopped = false;

  constructor(options: SessionEntriesOptions) {
    this.#options = options;
    this.#attachedAgainMs = options.clock.monotonicMs();
  }

  /** Says that this gateway is there, now and every two seconds. */
  async announce(): Promise<void> {
    const { sessions, gateway, clock } = this.#options;
    const heard = await this.#try("announce", async () => {
      if (!(await sessions.announce(gateway, ANNOUNCED_MS))) this.#isLacking = true;
    });
    if (this.#stopped) return;
    if (heard) void this.#attachAgain();
    this.#cancelAnnounce = clock.after(ANNOUNCE_MS, () => void this.announce());
  }

  /** A client that was connected elsewhere is let go there. */
  async attach(client: ClientInfo): Promise<void> {
    const { sessions, directory, gateway } = this.#options;
    const { ns, client: id } = client;
    const heard = await this.#try("attach", async () => {
      const before = await sessions.attach(ns, id, this.#holder(client));
      if (before === undefined || before.gateway === gateway.name) return;
      directory.takeOver(before.gateway, ns, id, before.connection);
    });
    if (!heard) this.#isLacking = true;
  }

  async detach(client: ClientInfo): Promise<void> {
    const { sessions } = this.#options;
    await this.#try("detach", () =>
      sessions.detach(client.ns, client.client, this.#holder(client)),
    );
  }

  /** What fails is tried again after the next announcement, with all others. */
  async #attachAgain(): Promise<void> {
    const { clock, clients } = this.#options;
    const isDue = this.#isLacking || clock.monotonicMs() - this.#attachedAgainMs >= AGAIN_MS;
    if (this.#attachingAgain || !isDue) return;
    this.#attachingAgain = true;
    this.#isLacking = false;
    const all = clients.all();
    for (;;) {
      const portion = take(all, PORTION);
      if (portion.length === 0 || this.#stopped) break;
      const heard = await this.#try("attach again", async () => {
        await Promise.all(portion.map((client) => this.#attachOneAgain(client)));
      });
      if (heard) continue;
      this.#isLacking = true;
      break;
    }
    if (!this.#isLacking) this.#unknown.clear();
    this.#attachedAgainMs = clock.monotonicMs();
    this.#attachingAgain = false;
  }

  async #attachOneAgain(client: ClientInfo): Promise<void> {
    const { sessions, directory, gateway, clients } = this.#options;
    const other = await sessions.reattach(client.ns, client.client, this.#holder(client));
    if (other === undefined || !clients.has(client)) return;
    if (other.gateway !== gateway.name && directory.knows(other.gateway)) clients.letGo(client);
    else if (other.gateway === gateway.name || this.#isGone(other.gateway))
      await this.attach(client); // what the directory has is older than this connection
    else this.#isLacking = true; // it may have come while nobody could hear of it: asked again soon
  }

  #isGone(gateway: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = this.#unknown.get(gateway) ?? nowMs;
    this.#unknown.set(gateway, sinceMs);
    return nowMs - sinceMs >= KNOWN_MS_MAX;
  }

  async withdraw(): Promise<void> {
    const { sessions, gateway } = this.#options;
    await this.#try("withdraw", () => sessions.withdraw(gateway.name));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelAnnounce?.();
  }

  #holder({ connection }: ClientInfo): SessionHolder {
    return { gateway: this.#options.gateway.name, connection };
  }

  /** @returns whether the directory answered */
  async #try(what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#options.onTrouble(what, messageOf(error));
      return false;
    }
  }
}

function take<T>(all: IterableIterator<T>, count: number): readonly T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = all.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

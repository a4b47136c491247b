import type { Clock } from "../../ports/clock.ts";
import type { GatewayInfo, SessionHolder, SessionStore } from "../../ports/session-store.ts";

/** Sessions of an installation that is one process; and of the test world, where several share one. */
export class MemorySessionStore implements SessionStore {
  readonly #clock: Clock;
  readonly #gateways = new Map<string, { info: GatewayInfo; until: number }>();
  readonly #holders = new Map<string, SessionHolder>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async announce(gateway: GatewayInfo, ttlMs: number): Promise<boolean> {
    const kept = this.#gateways.has(gateway.name);
    const until = this.#clock.monotonicMs() + ttlMs;
    this.#gateways.set(gateway.name, { info: gateway, until });
    return kept;
  }

  async withdraw(gateway: string): Promise<void> {
    this.#gateways.delete(gateway);
  }

  async gateways(): Promise<readonly GatewayInfo[]> {
    const now = this.#clock.monotonicMs();
    for (const [name, { until }] of this.#gateways) if (until < now) this.#gateways.delete(name);
    return Array.from(this.#gateways.values(), ({ info }) => info);
  }

  async attach(
    ns: string,
    client: string,
    holder: SessionHolder,
  ): Promise<SessionHolder | undefined> {
    const key = JSON.stringify([ns, client]);
    const before = this.#holders.get(key);
    this.#holders.set(key, holder);
    return before;
  }

  async reattach(
    ns: string,
    client: string,
    holder: SessionHolder,
  ): Promise<SessionHolder | undefined> {
    const key = JSON.stringify([ns, client]);
    const held = this.#holders.get(key) ?? holder;
    if (!isSame(held, holder)) return held;
    this.#holders.set(key, holder);
    return undefined;
  }

  async detach(ns: string, client: string, holder: SessionHolder): Promise<void> {
    const key = JSON.stringify([ns, client]);
    const held = this.#holders.get(key);
    if (held !== undefined && isSame(held, holder)) this.#holders.delete(key);
  }

  async close(): Promise<void> {}
}

function isSame(a: SessionHolder, b: SessionHolder): boolean {
  return a.gateway === b.gateway && a.connection === b.connection;
}

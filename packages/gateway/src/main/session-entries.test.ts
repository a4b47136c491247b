import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import type { SessionStore } from "@millrace/shared/ports/session-store";
import { describe, expect, onTestFinished, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import type { ClientInfo } from "../listen/broker.ts";
import { SessionEntries } from "./session-entries.ts";

/** Attacks: E1 and E2 of session-entries.ts. */

/** A directory of sessions that can be wiped, and be away. */
class LosableSessions implements SessionStore {
  readonly #clock: SimClock;
  #kept: MemorySessionStore;
  isAway = false;

  constructor(clock: SimClock) {
    this.#clock = clock;
    this.#kept = new MemorySessionStore(clock);
  }

  wipe(): void {
    this.#kept = new MemorySessionStore(this.#clock);
  }

  async #reached(): Promise<MemorySessionStore> {
    if (this.isAway) throw new Error("away");
    return this.#kept;
  }

  announce: SessionStore["announce"] = async (...args) => (await this.#reached()).announce(...args);
  withdraw: SessionStore["withdraw"] = async (name) => (await this.#reached()).withdraw(name);
  gateways: SessionStore["gateways"] = async () => (await this.#reached()).gateways();
  attach: SessionStore["attach"] = async (...args) => (await this.#reached()).attach(...args);
  reattach: SessionStore["reattach"] = async (...args) => (await this.#reached()).reattach(...args);
  detach: SessionStore["detach"] = async (...args) => (await this.#reached()).detach(...args);
  async close(): Promise<void> {}
}

class World {
  readonly clock = new SimClock(1);
  readonly sessions = new LosableSessions(this.clock);
  readonly gateways = new Map<string, TestGateway>();
  /** Those that live, and that the others have not yet heard of. */
  readonly unheard = new Set<string>();

  async open(...names: readonly string[]): Promise<readonly TestGateway[]> {
    for (const name of names) {
      const gateway = new TestGateway(this, name);
      this.gateways.set(name, gateway);
      await gateway.entries.announce();
      onTestFinished(() => gateway.entries.stop());
    }
    return [...this.gateways.values()];
  }
}

/** The entries of a gateway of which nothing else is there but who is connected. */
class TestGateway {
  readonly clients = new Map<string, ClientInfo>();
  readonly entries: SessionEntries;
  readonly trouble: string[] = [];
  #connections = 0;

  constructor({ clock, sessions, gateways, unheard }: World, name: string) {
    this.entries = new SessionEntries({
      gateway: { name, url: `ws://${name}` },
      sessions,
      clock,
      directory: {
        knows: (other) => gateways.has(other) && !unheard.has(other),
        takeOver: (other, _ns, client, connection) =>
          gateways.get(other)?.letGo(client, connection),
      },
      clients: {
        all: () => this.clients.values(),
        has: ({ client, connection }) => this.clients.get(client)?.connection === connection,
        letGo: ({ client, connection }) => this.letGo(client, connection),
      },
      onTrouble: (what) => this.trouble.push(what),
    });
  }

  async connect(client: string): Promise<void> {
    this.#connections += 1;
    const connection = `c${this.#connections}`;
    const info = { ns: "default", client, connection, protocol: 5, address: "" } as const;
    this.clients.set(client, info);
    await this.entries.attach(info);
  }

  letGo(client: string, connection: string): void {
    if (this.clients.get(client)?.connection === connection) this.clients.delete(client);
  }
}

const SOON_MS = 5_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

describe("a directory of sessions that was wiped", () => {
  test("hears again who is connected: one that connects elsewhere is let go", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    await a.connect("dev");
    world.sessions.wipe();
    await world.clock.advance(SOON_MS);
    await b.connect("dev");
    expect([a.clients.size, b.clients.size]).toEqual([0, 1]);
  });

  test("does not give a client back that has connected elsewhere meanwhile (E2)", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    await a.connect("dev");
    world.sessions.wipe();
    await b.connect("dev");
    await world.clock.advance(SOON_MS);
    expect([a.clients.size, b.clients.size]).toEqual([0, 1]);
  });

  test("does not do so either while the other gateway is not known yet (E2)", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    await a.connect("dev");
    world.sessions.wipe();
    world.unheard.add("b");
    await b.connect("dev");
    await world.clock.advance(4_000);
    world.unheard.clear();
    await world.clock.advance(SOON_MS);
    expect([a.clients.size, b.clients.size]).toEqual([0, 1]);
  });

  test("hears of all of them, however many", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    const names = Array.from({ length: 1_234 }, (_, n) => `dev-${n}`);
    for (const name of names) await a.connect(name);
    world.sessions.wipe();
    await world.clock.advance(SOON_MS);
    for (const name of names) await b.connect(name);
    expect([a.clients.size, b.clients.size]).toEqual([0, names.length]);
  });

  test("is told again when it could not be told at once", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    world.sessions.isAway = true;
    await a.connect("dev");
    await world.clock.advance(SOON_MS);
    world.sessions.isAway = false;
    await world.clock.advance(SOON_MS);
    await b.connect("dev");
    expect(a.trouble).toContain("attach");
    expect([a.clients.size, b.clients.size]).toEqual([0, 1]);
  });
});

describe("a directory of sessions", () => {
  test("is told once a day of those who stay: it forgets whom it hears nothing of", async () => {
    const world = new World();
    const [a] = (await world.open("a", "b")) as [TestGateway];
    await a.connect("dev");
    let told = 0;
    const { reattach } = world.sessions;
    world.sessions.reattach = (...args) => {
      told += 1;
      return reattach(...args);
    };
    await world.clock.advance(DAY_MS - SOON_MS);
    expect(told).toBe(0);
    await world.clock.advance(2 * SOON_MS);
    expect(told).toBe(1);
  });

  test("that names a gateway which is gone gives way to who has the client", async () => {
    const world = new World();
    const [a, b] = (await world.open("a", "b")) as [TestGateway, TestGateway];
    await a.connect("dev");
    world.sessions.wipe();
    await world.sessions.attach("default", "dev", { gateway: "gone", connection: "c9" });
    await world.clock.advance(3 * SOON_MS);
    expect(a.clients.size).toBe(1);
    await b.connect("dev");
    expect([a.clients.size, b.clients.size]).toEqual([0, 1]);
  });
});

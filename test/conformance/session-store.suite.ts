import type { SessionStore } from "@millrace/shared/ports/session-store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";

export interface SessionStoreUnderTest {
  readonly store: SessionStore;
  stop(): Promise<void>;
}

/** What every SessionStore promises. An adapter is done when this passes against the real thing. */
export function sessionStoreSuite(name: string, start: () => Promise<SessionStoreUnderTest>): void {
  describe(`SessionStore kept by ${name}`, () => {
    let under: SessionStoreUnderTest;
    let store: SessionStore;

    beforeAll(async () => {
      under = await start();
      store = under.store;
    });

    afterAll(async () => {
      await under?.stop();
    });

    test("lists the gateways that live, with where they are", async () => {
      await store.announce({ name: "g1", url: "ws://127.0.0.1:1" }, 60_000);
      await store.announce({ name: "g2", url: "ws://127.0.0.1:2" }, 60_000);
      await store.announce({ name: "g1", url: "ws://127.0.0.1:3" }, 60_000);
      const found = [...(await store.gateways())].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(found).toEqual([
        { name: "g1", url: "ws://127.0.0.1:3" },
        { name: "g2", url: "ws://127.0.0.1:2" },
      ]);
      await store.withdraw("g1");
      await store.withdraw("g2");
      expect(await store.gateways()).toEqual([]);
    });

    test("forgets a gateway that has gone silent", async () => {
      await store.announce({ name: "g3", url: "ws://127.0.0.1:1" }, 50);
      await until(async () => (await store.gateways()).length === 0, 2_000);
    });

    test("tells a gateway whether its last word was kept", async () => {
      const gateway = { name: "g4", url: "ws://127.0.0.1:1" };
      expect(await store.announce(gateway, 60_000)).toBe(false);
      expect(await store.announce(gateway, 60_000)).toBe(true);
      await store.withdraw("g4");
      expect(await store.announce(gateway, 60_000)).toBe(false);
      await store.withdraw("g4");
    });

    test("tells who takes a client id who held it before", async () => {
      const first = { gateway: "g1", connection: "c1" };
      const second = { gateway: "g2", connection: "c7" };
      expect(await store.attach("default", "dev/1 ä", first)).toBeUndefined();
      expect(await store.attach("default", "dev/1 ä", second)).toEqual(first);
      expect(await store.attach("other", "dev/1 ä", first)).toBeUndefined();
    });

    test("gives a client id back to its connection, unless another has it", async () => {
      const older = { gateway: "g1", connection: "c1" };
      const newer = { gateway: "g2", connection: "c1" };
      expect(await store.reattach("default", "dev-3", older)).toBeUndefined();
      expect(await store.reattach("default", "dev-3", older)).toBeUndefined();
      expect(await store.attach("default", "dev-3", newer)).toEqual(older);
      expect(await store.reattach("default", "dev-3", older)).toEqual(newer);
      expect(await store.reattach("default", "dev-3", newer)).toBeUndefined();
    });

    test("lets go of a client id only for the connection that holds it", async () => {
      const old = { gateway: "g1", connection: "c1" };
      const current = { gateway: "g2", connection: "c2" };
      await store.attach("default", "dev-2", old);
      await store.attach("default", "dev-2", current);
      await store.detach("default", "dev-2", old);
      expect(await store.attach("default", "dev-2", old)).toEqual(current);
      await store.detach("default", "dev-2", old);
      expect(await store.attach("default", "dev-2", current)).toBeUndefined();
    });
  });
}

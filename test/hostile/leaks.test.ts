import { RawClient } from "@millrace/gateway/listen/testing/raw-client";
import { closeGateways, openGateway, until } from "@millrace/gateway/listen/testing/open-gateway";
import * as fc from "fast-check";
import { madePattern } from "@millrace/shared/flow/patterns";
import { afterAll, describe, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { settle } from "../support/sim-clock.ts";
import { bent, hostileBytes } from "./draws.ts";

// How long it takes depends on how much is drawn, and by how busy a machine.
vi.setConfig({ testTimeout: 600_000 });

/** Ten thousand of each: what is held for them goes back to what it was. */

const flow = `
flow: probe
inputs:
  keep: { topic: probe/+/keep, thing: "\${topic[1]}" }
commands:
  light: { topic: "probe/\${thing.name}/light", expires: 5s }
machine:
  context: { kept: 0 }
  on:
    keep: { actions: [{ assign: { kept: event.n } }, { command: light }] }
`;

afterAll(closeGateways);

describe("ten thousand hostile records", () => {
  test("leave no work, no timer and nothing in line", async () => {
    const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
    const { world } = dispatched;
    await world.publish("probe/p1/keep", { n: 1 });
    await world.advance(60_000);
    const held = () => ({
      timers: world.clock.pending,
      underWay: dispatched.dispatcher.underWay,
      queuedBytes: world.process.events.queuedBytes,
      partitions: world.process.engine.partitions().map(({ state }) => state),
    });
    const before = held();
    const good = {
      v: 1,
      kind: "device",
      ns: "default",
      topic: "probe/p1/keep",
      client: "p1",
      qos: 1,
      n: 1,
    };
    const headers = fc.sample(bent({ ...good, w: "somebody" }), { seed: 1, numRuns: 500 });
    const values = fc
      .sample(hostileBytes, { seed: 1, numRuns: 200 })
      .filter(({ length }) => length < 500);
    for (let i = 0; i < 10_000; i += 500) {
      const records = headers.map((header, j) => ({
        key: null,
        header: JSON.stringify({ ...header, w: `w${(i + j) % 50}`, n: i + j + 1 }),
        value: (values[j % values.length] ?? null) as never,
      }));
      await world.process.log.append("events", 0, records);
      await settle();
    }
    await world.publish("probe/p1/keep", { n: 2 });
    await world.advance(60_000);
    expect(world.instance("probe/p1").context).toEqual({ kept: 2 });
    expect(held()).toEqual(before);
    await dispatched.crash();
  });
});

describe("ten thousand hostile packets", () => {
  test("leave no connection, no client and no filter", async () => {
    const { listener, port, broker, lines } = await openGateway({ limits: { lingerMs: 50 } });
    const before = listener.stats();
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(
        Array.from({ length: 5 }, (_, i) =>
          RawClient.connect(port, `evil-${i % 3}`, i % 2 === 0 ? 4 : 5),
        ),
      );
      for (const [i, client] of clients.entries()) {
        for (let n = 1; n <= 50; n++) {
          client.publish(`evil/${n}`, "x", n, { dup: true });
          client.send({ cmd: "unsubscribe", messageId: n, unsubscriptions: [`never/${n}`] });
        }
        client.write(Buffer.alloc(i * 3, 0xff));
        client.socket.end();
      }
      await Promise.all(clients.map(({ closed }) => closed));
    }
    await until(() => listener.stats().connections === 0);
    const { connections, clients, held, underWay } = listener.stats();
    expect({ connections, clients, held, underWay }).toMatchObject({
      connections: before.connections,
      clients: before.clients,
      held: before.held,
      underWay: before.underWay,
    });
    expect(lines.filter(({ event }) => event === "bug")).toEqual([]);
    const of = (what: string): number =>
      broker.events.filter((event) => event.startsWith(what)).length;
    expect(of("detached")).toBe(of("attached"));
  }, 30_000);
});

describe("patterns made of data", () => {
  test("are not kept beyond a number", () => {
    const first = madePattern("kept-0");
    for (let i = 1; i < 10_000; i++) madePattern(`kept-${i}`);
    expect(madePattern("kept-0")).not.toBe(first);
  });
});

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { closeGateways, type Gateway, openGateway, until } from "../listen/testing/open-gateway.ts";
import { RawClient } from "../listen/testing/raw-client.ts";
import { PeerListener } from "./peer-listener.ts";
import { propertiesFromJson } from "./properties.ts";

/** The same each time, but for `npm run soak -- hostile`. */
const seed = Number(process.env["MILLRACE_TEST_HOSTILE_SEED"] ?? 1);

/** Hunts for frames that end more than the connection they came by: a subscriber, another peer, the process. */

let gateway: Gateway;
let peers: PeerListener;
let subscriber: RawClient;

beforeAll(async () => {
  gateway = await openGateway();
  const { listener } = gateway;
  peers = await PeerListener.start({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    gateway: "g",
    service: {
      deliver: (command) => listener.deliver(command),
      publish: ({ properties, client, ...message }) =>
        listener.publish({ ...message, properties: propertiesFromJson(properties) }, { client }),
      takeOver: (ns, client, connection) => void listener.takeOver(ns, client, connection),
    },
  });
  // It takes one at a time: what a peer sent is written when the peer is long gone.
  subscriber = await RawClient.connect(gateway.port, "subscriber", 5, {
    properties: { receiveMaximum: 1 },
  });
  await subscriber.subscribe("good/#");
});
afterAll(async () => {
  await peers.close();
  await closeGateways();
});

async function connected(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${peers.port}`);
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("message", resolve)); // its hello
  return socket;
}

const good = { ns: "default", topic: "good/x", payload: "eA==", qos: 1 };
const requests = [
  { t: "deliver", n: 1, id: "default/f/k/0/1/0", ...good },
  {
    t: "publish",
    client: "c",
    ...good,
    properties: {
      payloadFormatIndicator: 1,
      contentType: "t",
      responseTopic: "r",
      correlationData: "aQ==",
      userProperties: [["a", "b"]],
    },
  },
  { t: "takeover", ns: "default", client: "nobody", connection: "1" },
];

const text = fc.oneof(
  fc.constantFrom("", "#", "+/+", "\0", "\ud800", "$SYS/x", "__proto__", "a/".repeat(40_000)),
  fc.integer({ min: 60_000, max: 80_000 }).map((length) => "ü".repeat(length)),
  fc.string({ unit: "binary", maxLength: 9 }),
);
const anything = fc.oneof(text, fc.jsonValue({ maxDepth: 2 }), fc.double(), fc.constant(undefined));

/** A request with some members replaced, those of its properties too. */
const bent = fc
  .tuple(fc.constantFrom(...requests), fc.array(fc.tuple(fc.nat(20), anything), { maxLength: 3 }))
  .map(([request, changes]) => {
    const { properties = {}, ...own } = request as Record<string, unknown>;
    const [members, inner] = [{ ...own }, { ...(properties as object) } as Record<string, unknown>];
    for (const [at, value] of changes) {
      const names = [...Object.keys(own), ...Object.keys(inner)];
      const name = names[at % names.length] as string;
      if (name in inner) inner[name] = value;
      else members[name] = value;
    }
    return request.t === "publish" ? { ...members, properties: inner } : members;
  });

const frame = fc.oneof(
  { weight: 8, arbitrary: fc.array(bent, { maxLength: 3 }).map((all) => JSON.stringify(all)) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }) },
  { weight: 1, arbitrary: fc.constantFrom("[", "null", "{}", "[[]]", "[".repeat(100_000)) },
);

async function acknowledgeAll(): Promise<void> {
  for (;;) {
    const { messageId } = await subscriber.nextPublish();
    if (messageId !== undefined) subscriber.puback(messageId);
  }
}

async function expectNoHarm(): Promise<void> {
  const peer = await connected();
  const answer = new Promise((resolve) => peer.once("message", (data) => resolve(String(data))));
  peer.send(JSON.stringify([{ ...requests[0], id: "default/f/k/0/9/9" }]));
  expect(await answer).toBe('[{"t":"outcome","n":1,"outcome":"delivered"}]');
  peer.terminate();
  expect(gateway.lines.filter(({ event }) => event === "bug")).toEqual([]);
}

describe("a gateway that a peer sends anything at all", () => {
  test("ends that peer's connection at worst, and serves the others", async () => {
    acknowledgeAll().catch(() => undefined); // until it is closed
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 4 }), async (frames) => {
        const peer = await connected();
        const closed = new Promise((resolve) => peer.once("close", resolve));
        for (const one of frames) peer.send(one);
        peer.ping();
        const pong = new Promise((resolve) => peer.once("pong", () => resolve("alive")));
        if ((await Promise.race([pong, closed])) !== "alive") refused += 1;
        peer.terminate();
        await closed;
      }),
      { seed, numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(50);
    await expectNoHarm();
    expect(subscriber.received.length).toBeGreaterThan(10);
  });

  test("holds nothing of them", async () => {
    await until(() => peers.connections === 0);
    expect(gateway.listener.stats()).toMatchObject({ connections: 1, held: 0, underWay: 0 });
  });
});

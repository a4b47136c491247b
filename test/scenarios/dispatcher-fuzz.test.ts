import { expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";

/** `SEEDS=1000` tries more than the few of every run. */
const SEEDS = Number(process.env["SEEDS"] ?? 40);

const command = ", supersede: false";
const payload = '"${event.n}"';

/** Forty events for four lamps that are away, while dispatchers stop and die; then the lamps come back. */
async function missingAfter(flow: string, seed: number): Promise<string[]> {
  const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 2, seed });
  const { world, devices } = dispatched;
  const random = () => world.clock.random();
  const due: string[] = [];
  for (let n = 0; n < 40; n++) {
    const lamp = `lamp/l${Math.floor(random() * 4)}`;
    await world.publish(`${lamp}/a`, { n });
    due.push(`${lamp}/ca ${n}`);
    await world.advance(Math.floor(random() * 400));
    if (random() < 0.06) {
      if (random() < 0.5) await dispatched.dispatcher.stop();
      await dispatched.crash();
    }
  }
  await world.advance(20_000);
  devices.become("online");
  await world.advance(60_000);
  const received = new Set(
    devices.received.map(({ topic, payload }) => `${topic} ${payload.toString()}`),
  );
  return due.filter((one) => !received.has(one));
}

test.each([
  ["does not wait for them", ""],
  ["waits for them", "    delivered.ca: { actions: { log: x } }"],
])(
  "commands of a flow that %s survive restarts of the dispatcher",
  async (_, machine) => {
    const flow = lampFlow("a", { command, payload, machine });
    for (let seed = 1; seed <= SEEDS; seed++) {
      expect({ seed, missing: await missingAfter(flow, seed) }).toEqual({ seed, missing: [] });
    }
  },
  600_000,
);

import { expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
const flow = (more: string) => `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca", supersede: false }
machine:
  on:
    a: { actions: { command: ca, payload: "\${event.n}" } }
${more}
`;
test.each([
  ["does not wait for them", ""],
  ["waits for them", "    delivered.ca: { actions: { log: x } }\n"],
])(
  "commands of a flow that %s survive restarts of the dispatcher",
  async (_, more) => {
    const failed: string[] = [];
    for (let seed = 1; seed < 40; seed++) {
      const d = await DispatchedWorld.open({ flows: [flow(more)], partitions: 2, seed });
      const { world, devices } = d;
      const rnd = () => world.clock.random();
      const sent: string[] = [];
      for (let i = 0; i < 40; i++) {
        const l = `l${Math.floor(rnd() * 4)}`;
        await world.publish(`lamp/${l}/a`, { n: i });
        sent.push(`lamp/${l}/ca ${i}`);
        await world.advance(Math.floor(rnd() * 400));
        if (rnd() < 0.06) {
          if (rnd() < 0.5) await d.dispatcher.stop();
          await d.crash();
        }
      }
      await world.advance(20_000);
      devices.become("online");
      await world.advance(60_000);
      const got = new Set(devices.received.map((m) => `${m.topic} ${m.payload.toString()}`));
      const missing = sent.filter((s) => !got.has(s));
      if (missing.length > 0) failed.push(`${seed}: ${missing.length}`);
    }
    expect(failed).toEqual([]);
  },
  600000,
);

import { describe, expect, test } from "vitest";
import { Process, simulate, type World } from "../support/world.ts";

/**
 * One event that many flows hear of, with more to write down than one append takes.
 *
 * Attacks: T3 of tenure.ts; J2 and J3 of journal-writer.ts.
 */

const FLOWS = 200;

const flows = Array.from(
  { length: FLOWS },
  (_, i) => `
flow: hears-${i}
inputs:
  said: { topic: "said/+", thing: "\${topic[1]}" }
machine:
  context: { said: [] }
  on:
    said: { actions: { assign: { said: "context.said + [event.text]" } } }
`,
);

const text = (name: string): string => name.repeat(20_000);

async function heard(world: World, names: readonly string[]): Promise<void> {
  for (let i = 0; i < FLOWS; i++) {
    const { context, seq } = world.instance(`hears-${i}/d1`);
    const said = context["said"] as string[];
    expect(said.map((one) => one.length)).toEqual(names.map(() => 20_000));
    expect(said.map((one) => one.slice(0, 1))).toEqual(names);
    expect(seq).toBe(names.length);
  }
}

describe("an event that 200 instances of one device hear of", () => {
  test("goes into the journal in parts", async () => {
    const world = await simulate({ flows });
    const before = world.process.engine.counters.appends;
    let appends = 0;
    world.logs.faults = {
      append: (topic) => {
        if (topic === "journal") appends += 1;
        return "done";
      },
    };
    await world.publish("said/d1", { text: text("a") });
    expect(world.process.engine.counters.appends).toBe(before + 1);
    expect(appends).toBeGreaterThan(1);
    await heard(world, ["a"]);
  });

  test.each(["lost", "unanswered"] as const)(
    "is heard of once by each when a part is %s",
    async (fate) => {
      const world = await simulate({ flows });
      let appends = 0;
      world.logs.faults = {
        append: (topic) => {
          if (topic !== "journal") return "done";
          appends += 1;
          return appends === 2 ? fate : "done";
        },
      };
      await world.publish("said/d1", { text: text("a") });
      await world.advance(10_000);
      await world.publish("said/d1", { text: text("b") });
      await world.advance(1_000);
      expect(appends).toBeGreaterThan(2);
      await heard(world, ["a", "b"]);
    },
  );

  /** A lamp that `on` takes from dark to wrong; it is lit at first, where `on` means nothing to it. */
  const lamp = `
flow: lamp
inputs:
  on: { topic: "on/+", thing: "\${topic[1]}" }
machine:
  initial: off
  states:
    off: { on: { on: lit } }
    lit: { after: { 100ms: dark } }
    dark: { on: { on: wrong } }
    wrong: {}
`;

  test.each(["lost", "unanswered"] as const)(
    "leaves alone what was decided before it in its turn, when a part is %s",
    async (fate) => {
      const world = await simulate({ flows: [...flows, lamp], partitions: 1 });
      const gateway = new Process(world); // takes no partitions
      await gateway.registry.start();
      const publish = async (topic: string, payload: object): Promise<void> => {
        const bytes = Buffer.from(JSON.stringify(payload));
        await gateway.ingest.write({ ns: "default", client: "c", topic, payload: bytes, qos: 1 });
      };
      await publish("on/d2", {});
      await world.advance(10);
      world.crash();
      await publish("on/d2", {});
      await world.advance(200); // the timer comes due
      await publish("said/d1", { text: text("a") });
      let parts = 0;
      world.logs.faults = {
        append: (topic, _, records) => {
          if (topic !== "journal" || records.length < 10) return "done";
          parts += 1;
          return parts === 2 ? fate : "done";
        },
      };
      await world.recover();
      await world.advance(60_000);
      expect(parts).toBeGreaterThan(1);
      await heard(world, ["a"]);
      expect(world.history("lamp/d2")).toEqual([
        "on: · > lit",
        "xstate.after.100.lamp.lit: lit > dark",
      ]);
    },
  );
});

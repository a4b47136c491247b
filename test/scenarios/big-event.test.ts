import { describe, expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

/** One event that many flows hear of, with more to write down than one append takes. */

const FLOWS = 60;

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
    expect(context["said"]).toEqual(names.map(text));
    expect(seq).toBe(names.length);
  }
}

describe("an event that 60 instances of one device hear of", () => {
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
});

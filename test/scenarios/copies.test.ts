import { describe, expect, test } from "vitest";
import { simulate } from "../support/world.ts";

/**
 * An event of one thing that an instance with another key hears of, in another partition.
 *
 * Attacks: P2 of event-record.ts.
 */

const flow = `
flow: room
key: "room-\${event.room}"
inputs:
  seen: { topic: "seen/+", thing: "\${topic[1]}" }
machine:
  context: { seen: 0 }
  on:
    seen: { actions: { assign: { seen: context.seen + 1 } } }
`;

const rooms = ["a", "b", "c", "d", "e", "f", "g", "h"];

describe("an event for instances of other partitions", () => {
  test("comes to each of them once", async () => {
    const world = await simulate({ flows: [flow] });
    for (const room of rooms) await world.publish("seen/camera", { room });
    for (const room of rooms) expect(world.steps(`room/room-${room}`)).toHaveLength(1);
    expect(world.process.engine.counters.copies).toBeGreaterThan(0);
  });

  test.each(["doubled", "unanswered", "lost", { lateMs: 20_000 }] as const)(
    "comes to each of them once when its append is %j",
    async (fate) => {
      const world = await simulate({ flows: [flow] });
      const copiesBefore = world.process.engine.counters.copies;
      for (const room of rooms) {
        let faults = 1;
        world.logs.faults = {
          append: (topic) => (topic === "events" && faults-- > 0 ? fate : "done"),
        };
        const published = world.publish("seen/camera", { room });
        await world.advance(60_000);
        await published;
      }
      await world.advance(60_000);
      for (const room of rooms) {
        expect(world.steps(`room/room-${room}`), room).toHaveLength(1);
        expect(world.instance(`room/room-${room}`).context["seen"]).toBe(1);
      }
      const { copies, repeats } = world.process.engine.counters;
      expect(copies - copiesBefore).toBeLessThanOrEqual(rooms.length);
      if (fate === "doubled") expect(repeats).toBeGreaterThan(0);
    },
  );
});

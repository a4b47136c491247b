import type { Step } from "@millrace/shared/contract/journal-record";
import { expect, test } from "vitest";
import { simulate, type World } from "../support/world.ts";

/** Many timers that are due at once, in one partition, and events that come meanwhile. */

const flow = `
flow: egg
inputs:
  boil: { topic: "+/boil", thing: "\${topic[0]}" }
  tap: { topic: "+/tap", thing: "\${topic[0]}" }
machine:
  initial: raw
  context: { taps: 0, tappedWhile: "" }
  on:
    tap: { actions: { assign: { taps: context.taps + 1 } } }
  states:
    raw: { on: { boil: boiling } }
    boiling: { after: { 10s: done } }
    done: { on: { tap: { actions: { assign: { tappedWhile: "'done'" } } } } }
`;

const EGGS = 40;
const TURN = 4;

async function boilAll(): Promise<World> {
  const engine = { turnTimersMax: TURN };
  const world = await simulate({ flows: [flow], partitions: 1, engine });
  for (let egg = 0; egg < EGGS; egg++) await world.publish(`egg${egg}/boil`, {});
  return world;
}

test("hold back no event of another instance for more than a turn", async () => {
  const world = await boilAll();
  world.crash();
  await world.advance(60_000);
  await world.publishWithoutEngine("other/tap");
  await world.recover();
  await world.advance(60_000);
  const order = world
    .counting()
    .filter(({ kind }) => kind === "step")
    .map(({ body }) => (body as Step).instance)
    .map(({ key, state }) => [key, state]);
  const fired = order.filter(([, state]) => state === "done").length;
  expect(fired).toBe(EGGS);
  const tapped = order.findIndex(([key]) => key === "other");
  const firedBefore = order.slice(0, tapped).filter(([, state]) => state === "done").length;
  expect(firedBefore).toBeLessThanOrEqual(TURN);
});

test("have fired where an instance is told of its next event, though others still wait", async () => {
  const world = await boilAll();
  world.crash();
  await world.advance(60_000);
  await world.publishWithoutEngine(`egg${EGGS - 1}/tap`);
  await world.recover();
  await world.advance(60_000);
  expect(world.instance(`egg/egg${EGGS - 1}`).context).toMatchObject({ tappedWhile: "done" });
  const steps = world.steps(`egg/egg${EGGS - 1}`);
  expect(steps.map(({ cause: { kind } }) => kind)).toEqual(["device", "timer", "device"]);
});

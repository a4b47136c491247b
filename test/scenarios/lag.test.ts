import { healthOf } from "@millrace/cli/compose/operations";
import type { Gateway } from "@millrace/gateway/main/gateway";
import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { expect, test } from "vitest";
import { simulate } from "../support/world.ts";

/** One instance for all, so that events of things elsewhere are copied to its partition. */
const flow = `
flow: hall
key: hall
inputs:
  seen: { topic: "seen/+", thing: "\${topic[1]}" }
machine:
  context: { seen: 0 }
  on:
    seen: { actions: { assign: { seen: context.seen + 1 } } }
`;

test.each([
  { lagMsMax: 60_000, behind: 1 },
  { lagMsMax: 0, behind: 0 },
])("a partition whose input waits is behind after $lagMsMax ms: $behind", async (wanted) => {
  const { lagMsMax, behind } = wanted;
  const world = await simulate({ flows: [flow], engine: { lagMsMax } });
  const { engine } = world.process;
  await world.publish("seen/camera", {});
  const [step] = world.steps("hall/hall");
  expect(step?.instance.context["seen"]).toBe(1);
  // No copy is acknowledged: what comes after it waits.
  const from = partitionOf(logKey("default", "camera"), world.logs.partitions);
  world.logs.faults = {
    append: (topic, partition) => (topic === "events" && partition !== from ? "lost" : "done"),
  };
  await world.publish("seen/camera", {});
  await world.publish("seen/camera", {});
  await world.advance(59_000);
  expect(engine.behind).toBe(0);
  await world.advance(2_000);
  expect(engine.behind).toBe(behind);
  const reasons = behind === 0 ? [] : ["1 partitions are behind"];
  expect(healthOf(world.process as never, { engine }).reasons).toEqual(reasons);
  // Whoever takes events takes them, however far those who decide are behind.
  const gateway = { stats: {} } as Gateway;
  expect(healthOf(world.process as never, { engine, gateway }).ready).toBe(true);
  world.logs.faults = { append: () => "done" };
  await world.advance(30_000);
  expect(engine.behind).toBe(0);
  expect(world.instance("hall/hall").context["seen"]).toBe(3);
});

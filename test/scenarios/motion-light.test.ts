import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { simulate } from "../support/world.ts";

/** Attacks: T2 of tenure.ts. */

const motionLight = readFileSync(
  new URL("../../examples/motion-light.yaml", import.meta.url),
  "utf8",
);

describe("the motion light", () => {
  test("is lit by motion in the dark, dims when it is clear, and goes out after 30 s", async () => {
    const world = await simulate({ flows: [motionLight] });
    await world.publish("site/r1/motion", { lux: 10 });
    await world.publish("site/r1/clear", {});
    await world.advance(29_999);
    expect(world.instance("motion-light/r1").state).toBe("dimming");
    await world.advance(1);
    expect(world.history("motion-light/r1")).toEqual([
      "motion: · > lit",
      "clear: lit > dimming",
      "xstate.after.30000.motion-light.dimming: dimming > idle",
    ]);
  });

  test("goes out at its time after a crash, and not before", async () => {
    const world = await simulate({ flows: [motionLight] });
    await world.publish("site/r1/motion", { lux: 10 });
    await world.publish("site/r1/clear", {});
    await world.advance(29_999);
    await world.crashAndRecover();
    expect(world.instance("motion-light/r1").state).toBe("dimming");
    await world.advance(1);
    expect(world.instance("motion-light/r1").state).toBe("idle");
  });
});

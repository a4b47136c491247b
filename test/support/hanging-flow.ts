import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newDataFolder } from "./servers/run-folder.ts";

/** As many as the loader takes: 100 states may be active at once, innermost ones, and there may be 1,000. */
const REGIONS = 98;
const DEPTH_MAX = 9;

/**
 * A flow that the loader takes, with an event that costs it 5 to 20 s at the most: `spin` moves all regions at once,
 * and raises itself until the microsteps are used up. XState holds the transitions of a microstep against
 * each other. On `ok` it counts.
 */
function hangingFlow(depth: number): object {
  const inside = (levels: number): object =>
    levels === 0 ? {} : { initial: "a", states: { a: inside(levels - 1) } };
  const region = (index: number): object => ({
    id: `r${index}`,
    ...inside(depth),
    on: { spin: { target: `#r${index}`, reenter: true } },
  });
  const regions = Array.from({ length: REGIONS }, (_, i) => [`r${i}`, region(i)] as const);
  const again = { on: { spin: { actions: { raise: "spin" } } } };
  const states = { ...Object.fromEntries(regions), again };
  const input = (name: string): object => ({ topic: `hang/+/${name}`, thing: "${topic[1]}" });
  return {
    flow: "hanging",
    inputs: { ok: input("ok"), spin: input("spin") },
    machine: {
      context: { n: 0 },
      initial: "quiet",
      on: { ok: { actions: { assign: { n: "context.n + 1" } } } },
      states: {
        quiet: { on: { spin: "spinning" } },
        spinning: { type: "parallel", entry: { raise: "spin" }, states },
      },
    },
  };
}

/** @returns a folder of flows with this one */
export function hangingFlows(depth = DEPTH_MAX): string {
  const folder = newDataFolder("hanging");
  writeFileSync(join(folder, "hanging.json"), JSON.stringify(hangingFlow(depth)));
  return folder;
}

import { LogEnds } from "@millrace/shared/log/log-ends";
import { GatewayDirectory } from "@millrace/shared/peer/directory";
import type { HistogramCounts, Observe } from "@millrace/shared/telemetry/observe";
import { afterEach, describe, expect, test, vi } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { lampFlow } from "../support/lamp.ts";
import { simulate } from "../support/world.ts";

/** What is told of moments that no test of running processes can hold on to: what is late, put aside, or old. */

afterEach(() => vi.restoreAllMocks());

interface Observing {
  observe(observe: Observe, ends: ReadonlyMap<number, number>): void;
}

/** Everything that a part tells of itself now, by name and the values of its labels. */
function observed(part: Observing): ReadonlyMap<string, number | HistogramCounts> {
  const all = new Map<string, number | HistogramCounts>();
  const observe = (
    name: string,
    value: number | HistogramCounts,
    labels: Readonly<Record<string, unknown>> = {},
  ): void => {
    all.set([name, ...Object.values(labels)].join(" "), value);
  };
  part.observe(observe, new Map());
  return all;
}

const waiting = `
flow: hall
inputs:
  seen: { topic: "seen/+", thing: "\${topic[1]}" }
machine:
  initial: dark
  states:
    dark: { on: { seen: lit } }
    lit: { after: { 10s: dark } }
`;

describe("an engine tells", () => {
  test("of timers: how many wait, how many are due, and how late they fired", async () => {
    const world = await simulate({ flows: [waiting], partitions: 1 });
    const timers = () => {
      const all = observed(world.process.engine);
      const { counts, sum } = all.get("millrace.engine.timer.lateness") as HistogramCounts;
      return {
        pending: all.get("millrace.engine.timers.pending"),
        due: all.get("millrace.engine.timers.due"),
        fired: all.get("millrace.engine.timers.fired"),
        late: [counts.reduce((a, b) => a + b, 0), sum],
      };
    };
    const startMs = world.clock.wallMs();
    for (const name of ["camera", "door", "stairs"]) {
      await world.publish(`seen/${name}`, {});
      await world.advance(200);
    }
    await world.advance(9_000);
    expect(timers()).toEqual({ pending: 3, due: 0, fired: 0, late: [0, 0] });
    // The step of the first one is not acknowledged: the others are due, and wait.
    world.logs.faults = { append: () => "lost" };
    await world.advance(1_000);
    expect(timers()).toEqual({ pending: 2, due: 2, fired: 1, late: [1, 0] });
    world.logs.faults = { append: () => "done" };
    await world.advance(60_000);
    const firedAt = world.steps("hall/camera").at(-1)?.at ?? 0;
    const lateMs = [10_000, 10_200, 10_400].map((dueMs) => firedAt - startMs - dueMs);
    expect(Math.min(...lateMs)).toBeGreaterThan(1_000);
    const late = [4, lateMs.reduce((a, b) => a + b, 0) / 1_000];
    expect(timers()).toEqual({ pending: 0, due: 0, fired: 4, late });
  });
});

describe("a dispatcher tells", () => {
  test("of commands to a device that is away: begun, and put aside after a second", async () => {
    const { world, devices, dispatcher } = await DispatchedWorld.open({
      flows: [lampFlow("a")],
      partitions: 1,
    });
    const commands = () => {
      const all = observed(dispatcher);
      return {
        begun: all.get("millrace.dispatcher.effects.pending command begun"),
        parked: all.get("millrace.dispatcher.effects.pending command parked"),
        everParked: all.get("millrace.dispatcher.effects.parked"),
      };
    };
    await world.publish("lamp/l1/a", {});
    await world.advance(500);
    expect(commands()).toEqual({ begun: 1, parked: 0, everParked: 0 });
    await world.advance(1_000);
    expect(commands()).toEqual({ begun: 0, parked: 1, everParked: 1 });
    devices.become("online");
    await world.advance(1_000);
    expect(commands()).toEqual({ begun: 0, parked: 0, everParked: 1 });
  });
});

describe("a process tells how old is what it knows", () => {
  test("of where the logs end, and of the registry", async () => {
    const world = await simulate({ flows: [waiting] });
    const { log, catalogue } = world.process;
    const ends = new LogEnds({ log, catalogue, clock: world.clock });
    const ages = () =>
      ["log-ends", "registry"].map((of) => observed(ends).get(`millrace.knowledge.age ${of}`));
    await world.advance(5_000);
    expect(ages()).toEqual([5, 5]);
    await ends.look();
    expect(ages()).toEqual([0, 0]);
    // Another process publishes, and this one does not hear of it.
    vi.spyOn(catalogue, "offset", "get").mockReturnValue(0);
    await world.advance(2_000);
    await ends.look();
    expect(ages()).toEqual([0, 2]);
    vi.spyOn(log, "ends").mockRejectedValue(new Error("the log does not answer"));
    await world.advance(3_000);
    await ends.look();
    expect(ages()).toEqual([3, 5]);
  });

  test("of which gateways there are", async () => {
    const { clock } = await simulate({ flows: [] });
    const gateways = vi.fn(async () => []);
    const directory = new GatewayDirectory({
      sessions: { gateways },
      clock,
      token: undefined,
      onTrouble: () => {},
    } as never);
    const age = () => observed(directory).get("millrace.knowledge.age gateways");
    await directory.start();
    await clock.advance(10_000);
    expect(age()).toBe(0);
    gateways.mockRejectedValue(new Error("the store does not answer"));
    await clock.advance(7_500);
    expect(age()).toBe(7.5);
    directory.stop();
  });
});

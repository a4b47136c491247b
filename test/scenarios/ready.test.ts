import { healthOf, type Roles } from "@millrace/cli/compose/operations";
import type { DispatchOptions } from "@millrace/engine/dispatch/options";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import type { PublishedRecord } from "@millrace/shared/ports/event-log";
import { describe, expect, onTestFinished, test } from "vitest";
import { Devices } from "../support/devices.ts";
import { newDispatcher } from "../support/dispatched-world.ts";
import { simulate, type World } from "../support/world.ts";

/** What keeps a process from being ready, and that it is told; lag of engines has a file of its own. */

const flow = `
flow: bell
inputs: { ring: { topic: "ring/+", thing: "\${topic[1]}" } }
machine: { on: { ring: { actions: { publish: { topic: rings, payload: 1 } } } } }
`;

/** A log that fails where it is told to. */
class TroubledLog extends MemoryLog {
  /** Bookmarks cannot be read. */
  noBookmarks = false;
  /** What is published waits for this. */
  published: Promise<void> = Promise.resolve();

  override bookmarked(...of: Parameters<MemoryLog["bookmarked"]>) {
    if (this.noBookmarks) return Promise.reject(new Error("the coordinator is not available"));
    return super.bookmarked(...of);
  }

  override async publish(record: PublishedRecord): Promise<void> {
    await this.published;
    return await super.publish(record);
  }
}

const started = () => simulate({ flows: [flow], partitions: 2 });

async function dispatching(world: World, log: TroubledLog, options: Partial<DispatchOptions> = {}) {
  const { events } = world.process;
  const dispatcher = newDispatcher(world, new Devices(), log, events, undefined, options);
  onTestFinished(() => dispatcher.kill());
  await dispatcher.start();
  await world.advance(0);
  return dispatcher;
}

function health(world: World, roles: Roles) {
  const { ready, reasons } = healthOf(world.process as never, roles);
  return [ready, reasons];
}

const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;

/** A record that counts, by the owner that a partition has, and cannot be read. */
function writeUnreadable({ logs }: World, partition: number): void {
  const all = logs
    .all("journal", partition)
    .map(({ header = "{}" }) => JSON.parse(header) as { e?: number; n: number });
  const e = all.findLastIndex(({ n }) => n === 0);
  const n = (all.at(-1)?.n ?? 0) + 1;
  const header = JSON.stringify({ v: 1, kind: "step", e, n, fx: ["publish"], trace });
  logs.write("journal", partition, [{ key: "default/k", header, value: "{}" }]);
}

describe("an engine is not ready", () => {
  test("while it claims what it was given", async () => {
    const world = await started();
    world.crash();
    world.logs.faults = { append: (topic) => (topic === "journal" ? "lost" : "done") };
    await world.recover();
    const { engine } = world.process;
    expect(health(world, { engine })).toEqual([false, ["2 partitions are being claimed"]]);
    world.logs.faults = { append: () => "done" };
    await world.advance(30_000);
    expect(health(world, { engine })).toEqual([true, []]);
  });

  test("when a partition has stopped", async () => {
    const world = await started();
    world.crash();
    writeUnreadable(world, 1);
    await world.recover();
    await world.advance(1_000);
    const { engine } = world.process;
    expect(health(world, { engine })).toEqual([false, ["1 partitions have stopped"]]);
  });

  test("when it was told to stop", async () => {
    const world = await started();
    const { engine } = world.process;
    const roles = { engine, draining: true } as const;
    expect(health(world, roles)).toEqual([false, ["it was told to stop"]]);
  });
});

describe("a dispatcher is not ready", () => {
  test("while it cannot read how far what it was given is dispatched", async () => {
    const world = await started();
    const log = new TroubledLog(world.logs);
    log.noBookmarks = true;
    const dispatcher = await dispatching(world, log);
    const why = "2 partitions are being taken to be dispatched";
    expect(health(world, { dispatcher })).toEqual([false, [why]]);
    await world.advance(60_000);
    expect(health(world, { dispatcher })).toEqual([false, [why]]);
    const observed: unknown[] = [];
    const observe = (name: string, value: unknown, { state }: { state?: string } = {}) =>
      name === "millrace.dispatcher.partitions" && observed.push([state, value]);
    dispatcher.observe(observe as never, new Map());
    expect(observed).toEqual([
      ["running", 0],
      ["taking", 2],
      ["failed", 0],
    ]);
    log.noBookmarks = false;
    await world.advance(2_000);
    expect(health(world, { dispatcher })).toEqual([true, []]);
  });

  test("when a partition cannot be dispatched any more", async () => {
    const world = await started();
    const dispatcher = await dispatching(world, new TroubledLog(world.logs));
    expect(health(world, { dispatcher })).toEqual([true, []]);
    writeUnreadable(world, 0);
    await world.advance(100);
    const why = "1 partitions are not dispatched any more";
    expect(health(world, { dispatcher })).toEqual([false, [why]]);
    const offset = world.logs.all("journal", 0).length - 1;
    const facts = { partition: 0, offset, trace_id: "a".repeat(32) };
    expect(world.lines).toContainEqual(
      expect.stringContaining(
        `error partition is not dispatched any more ${JSON.stringify(facts).slice(0, -1)},"why":"LOG-007 `,
      ),
    );
  });

  test.each([60_000, 0])(
    "once it has not read on for %i ms, but 0, for too much is under way",
    async (lagMsMax) => {
      const world = await started();
      const log = new TroubledLog(world.logs);
      let answer = (): void => {};
      log.published = new Promise((resolve) => (answer = resolve));
      const dispatcher = await dispatching(world, log, { underWayMax: 0, lagMsMax });
      await world.publish("ring/b", {});
      await world.advance(60_000);
      expect(health(world, { dispatcher })).toEqual([true, []]);
      await world.advance(1_000);
      const why = "1 partitions are dispatched with a delay";
      expect(health(world, { dispatcher })).toEqual(lagMsMax === 0 ? [true, []] : [false, [why]]);
      // Who takes events from devices takes them all the same.
      expect(health(world, { dispatcher, gateway: { stats: {} } as never })).toEqual([true, []]);
      answer();
      await world.advance(2_000);
      expect(health(world, { dispatcher })).toEqual([true, []]);
    },
  );
});

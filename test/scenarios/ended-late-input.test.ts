import type { EventLog, LogRecord, SubscriptionEvents } from "@millrace/shared/ports/event-log";
import { expect, test } from "vitest";
import { Process, simulate, type World } from "../support/world.ts";

const flow = `
flow: visit
keepDone: 2s
inputs: { come: { topic: visit/+/come, thing: "\${topic[1]}", id: "\${event.id}" } }
machine: { initial: over, states: { over: { type: final } } }
`;

/** Input that is on its way to a process: it arrives when that is let through. */
class Delay {
  readonly #world: World;
  #held: (() => void)[] | undefined;
  #sinceMs = 0;

  /** @param log of a process that is not started yet */
  constructor(world: World, log: EventLog) {
    this.#world = world;
    const subscribe = log.subscribe.bind(log);
    log.subscribe = async (topic, group, events: SubscriptionEvents) => {
      const records = (partition: number, arrived: readonly LogRecord[]): void => {
        if (this.#held === undefined) events.records(partition, arrived);
        else this.#held.push(() => events.records(partition, arrived));
      };
      const subscription = await subscribe(topic, group, { ...events, records });
      const arrivedUntil = subscription.arrivedUntil.bind(subscription);
      subscription.arrivedUntil = (partition) =>
        this.#held === undefined ? arrivedUntil(partition) : this.#sinceMs;
      return subscription;
    };
  }

  begin(): void {
    this.#held = [];
    this.#sinceMs = this.#world.clock.monotonicMs();
  }

  end(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const arrive of held) arrive();
  }
}

test("what has ended is kept for what came to it in time, however late that arrives", async () => {
  const engine = {
    retentionCheckMs: 5_000,
    checkpointRecordsMin: 12,
    checkpointRatio: 2,
    cachedInstancesMax: 1,
  };
  const world = await simulate({ flows: [flow], partitions: 1, engine });
  world.crash();
  world.process = new Process(world);
  const delay = new Delay(world, world.process.log);
  await world.start();
  await world.publish("visit/a/come", { id: "once" });
  for (let n = 0; n < 12; n++) {
    await world.publish(`visit/other${n % 3}/come`, { id: `o${n}` });
    await world.advance(50); // it is committed, so that memory can let go of it
  }
  const { generation } = world.instance("visit/a");
  await world.advance(1_000);
  delay.begin();
  await world.publish("visit/a/come", { id: "once" }); // it stands in the log, a second after the end
  await world.advance(10_000);
  expect(world.process.engine.counters.passes).toBe(1);
  expect(world.lines.filter((line) => line.includes("journal checkpointed"))).toHaveLength(1);
  delay.end();
  await world.advance(100);
  expect(world.instance("visit/a").generation).toBe(generation);
  expect(world.process.engine.counters.ignored.repeat).toBe(1);
});

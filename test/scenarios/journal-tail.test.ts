import { JournalTail, type TailedRecord } from "@millrace/engine/query/journal-tail";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import type { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { Clock } from "@millrace/shared/ports/clock";
import type { Subscription, SubscriptionEvents, Topic } from "@millrace/shared/ports/event-log";
import { describe, expect, test } from "vitest";
import { ApiWorld } from "../support/api-world.ts";
import { simulate, type World } from "../support/world.ts";

const flow = `
flow: counting
inputs:
  tick: { topic: "+/tick", thing: "\${topic[0]}" }
machine:
  context: { n: 0 }
  on:
    tick: { actions: { assign: { n: context.n + 1 } } }
`;

/** Takes a moment to bring what is there, as brokers do. */
class SlowLog extends MemoryLog {
  readonly #clock: Clock;

  constructor(server: MemoryLogServer) {
    super(server);
    this.#clock = server.clock;
  }

  override subscribe(
    topic: Topic,
    group: string,
    listener: SubscriptionEvents,
  ): Promise<Subscription> {
    return super.subscribe(topic, group, {
      ...listener,
      records: (...arrived) => this.#clock.after(10, () => listener.records(...arrived)),
    });
  }
}

/** Who looks on through a process of its own, whose store is as far as is said. */
class Onlooker {
  readonly seen: number[] = [];
  next: readonly Bookmark[] = [];
  readonly tail: JournalTail;

  constructor({ logs, clock, states }: World, behind: boolean) {
    const store = new MemoryStateStore(behind ? new MemoryStateServer() : states);
    this.tail = new JournalTail({ log: new SlowLog(logs), store, clock });
  }

  async listen(from?: readonly Bookmark[]): Promise<() => void> {
    return await this.tail.listen(from ?? (await this.tail.bookmarks()), {
      take: (records, next) => {
        this.seen.push(...records.map(countIn));
        this.next = next;
      },
      failed: (error) => {
        throw error;
      },
    });
  }
}

function countIn({ body }: TailedRecord): number {
  return "instance" in body ? Number(body.instance?.context?.["n"]) : Number.NaN;
}

async function tick(world: World, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await world.publish("t1/tick", {});
  await world.advance(1_000);
}

describe("who looks on", () => {
  test("goes on behind the last it has seen, though the store is not as far", async () => {
    const world = await simulate({ flows: [flow], partitions: 2 });
    const before = new Onlooker(world, false);
    const leave = await before.listen();
    await tick(world, 2);
    leave();
    await tick(world, 1);
    const after = new Onlooker(world, true);
    await after.listen(before.next);
    await tick(world, 1);
    expect(before.seen).toEqual([1, 2]);
    expect(after.seen).toEqual([3, 4]);
    const again = new Onlooker(world, true);
    await again.listen(after.next);
    await tick(world, 1);
    expect(again.seen).toEqual([5]);
  });

  test("is told when what it asks for is cut, and that it begins anew", async () => {
    const api = await ApiWorld.open([flow]);
    const { world } = api;
    await tick(world, 5);
    world.logs.truncate("journal", 0, 3);
    world.logs.truncate("journal", 1, 3);
    const cut = await api.get("/journal?cursor=1.0.1_1.0.1");
    expect([cut.status, cut.body]).toMatchObject([410, { code: "LOG-006", status: 410 }]);
  });
});

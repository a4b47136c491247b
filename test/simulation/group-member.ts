import type { Group, Member } from "@millrace/shared/adapters/local/groups";
import { outOfRange } from "@millrace/shared/adapters/local/read";
import { OperationalError } from "@millrace/shared/errors/operational";
import type { Subscription, SubscriptionEvents, Topic } from "@millrace/shared/ports/event-log";
import { Channel } from "./network.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** How soon a coordinator gives up a member that is not heard of. */
const SESSION_MS = 6_000;
const BATCH_RECORDS_MAX = 8;

/** Where a member reads a partition on; a seek begins a new one, and what was fetched before is nothing. */
interface Reading {
  at: number;
  fetching: boolean;
  /** Until when all has arrived, on the process's monotonic clock. */
  arrived: number;
}

/**
 * A member of a group, with the coordinator at the other end of a connection: it learns late of what
 * became of its partitions, goes on meanwhile, and may have lost them for long when it wakes.
 */
export class GroupMember implements Subscription, Member {
  readonly #world: World;
  readonly process: Process;
  readonly #topic: Topic;
  readonly #groupName: string;
  readonly #group: Group;
  readonly #events: SubscriptionEvents;
  readonly #fromCoordinator: Channel;
  readonly #held = new Set<number>();
  readonly #readings = new Map<number, Reading>();
  readonly #paused = new Set<number>();
  #closed = false;
  #probing = false;

  constructor(
    world: World,
    process: Process,
    topic: Topic,
    group: string,
    events: SubscriptionEvents,
  ) {
    this.#world = world;
    this.process = process;
    this.#topic = topic;
    this.#groupName = group;
    this.#group = world.logs.groups.group(group, topic);
    this.#events = events;
    this.#fromCoordinator = new Channel(world.scheduler, world.network, process);
    const unwatch = world.logs.watch((changed, partition) => {
      if (changed === topic) this.#fetch(partition);
    });
    process.atEnd(unwatch);
    world.members.add(this);
    process.atEnd(() => {
      world.members.delete(this);
      const silentMs = world.scheduler.between(0, SESSION_MS);
      world.scheduler.after(silentMs, () => world.logs.groups.leave(this.#group, this));
    });
    world.scheduler.after(world.network.latencyMs(), () => this.#join());
  }

  #join(): void {
    if (this.#closed || this.process.isDead || this.#group.members.includes(this)) return;
    this.#world.logs.groups.join(this.#group, this);
  }

  /** The coordinator's word, as it stands now; it is heard when it arrives. */
  rebalanced(): void {
    const mine = this.#mine();
    this.#world.note(this.process.name, () => `${this.#groupName} is given [${[...mine].join()}]`);
    this.#fromCoordinator.send(() => this.#learn(mine));
  }

  /** The coordinator thinks that it is gone; it hears of that, and joins again. */
  evict(): void {
    this.#world.logs.groups.leave(this.#group, this);
    this.#fromCoordinator.send(() => {
      this.#learn(new Set());
      const { scheduler, network } = this.#world;
      scheduler.after(network.latencyMs(), () => this.#join());
    });
  }

  /** What a coordinator does about a process that has been silent for a session. */
  evictIfSilent(): void {
    this.#world.scheduler.after(SESSION_MS, () => {
      if (this.process.isPaused) this.evict();
    });
  }

  #mine(): Set<number> {
    const { owners } = this.#group;
    return new Set(owners.flatMap((owner, partition) => (owner === this ? [partition] : [])));
  }

  #learn(now: ReadonlySet<number>): void {
    if (this.#closed) return;
    const lost = [...this.#held].filter((partition) => !now.has(partition));
    const won = [...now].filter((partition) => !this.#held.has(partition));
    for (const partition of lost) {
      this.#held.delete(partition);
      this.#readings.delete(partition);
      this.#paused.delete(partition);
    }
    for (const partition of won) this.#held.add(partition);
    if (lost.length > 0) this.#events.revoked(lost);
    if (won.length > 0) this.#events.assigned(won);
  }

  seek(partition: number, offset: number): void {
    if (!this.#held.has(partition)) return;
    const reading = { at: offset, fetching: false, arrived: Number.NEGATIVE_INFINITY };
    this.#readings.set(partition, reading);
    this.#fetch(partition);
  }

  pause(partition: number): void {
    this.#paused.add(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#fetch(partition);
  }

  #fetch(partition: number): void {
    const reading = this.#readings.get(partition);
    if (this.#closed || reading === undefined || reading.fetching) return;
    if (this.#paused.has(partition)) return;
    const { logs, network, scheduler } = this.#world;
    const { start } = logs.bounds(this.#topic, partition);
    if (reading.at < start) return this.#outOfRange(partition, reading, start);
    const max = scheduler.between(1, BATCH_RECORDS_MAX);
    const records = logs.slice(this.#topic, partition, reading.at, max);
    if (records.length === 0) return;
    reading.fetching = true;
    const answeredAt = this.process.clock.monotonicAt(scheduler.now);
    const end = logs.bounds(this.#topic, partition).end;
    network.answer(this.process, () => {
      reading.fetching = false;
      if (this.#closed || this.#readings.get(partition) !== reading) return;
      if (this.#paused.has(partition)) return;
      reading.at += records.length;
      if (reading.at === end) reading.arrived = answeredAt;
      this.#events.records(partition, records);
      this.#fetch(partition);
    });
  }

  /** What is wanted is no longer there: nothing is read on until somebody seeks elsewhere. */
  #outOfRange(partition: number, reading: Reading, start: number): void {
    reading.fetching = true;
    this.#world.network.answer(this.process, () => {
      if (this.#closed || this.#readings.get(partition) !== reading) return;
      this.#readings.delete(partition);
      this.#events.failed(outOfRange(this.#topic, partition, reading.at, start));
    });
  }

  arrivedUntil(partition: number): number {
    const reading = this.#readings.get(partition);
    if (reading === undefined) return Number.NEGATIVE_INFINITY;
    if (!reading.fetching) this.#probe(partition, reading);
    return reading.arrived;
  }

  /** A fetch that finds nothing says that until then all has arrived. */
  #probe(partition: number, reading: Reading): void {
    if (this.#probing || this.#paused.has(partition)) return;
    this.#probing = true;
    const { at } = reading;
    const work = (): number | undefined => {
      const { logs, scheduler } = this.#world;
      const atEnd = logs.bounds(this.#topic, partition).end === at;
      return atEnd ? this.process.clock.monotonicAt(scheduler.now) : undefined;
    };
    void this.#found(this.#world.network.request(this.process, work), reading);
  }

  async #found(arrived: Promise<number | undefined>, reading: Reading): Promise<void> {
    const { at } = reading;
    const until = await arrived;
    this.#probing = false;
    if (until === undefined || reading.at !== at) return;
    reading.arrived = Math.max(reading.arrived, until);
  }

  confirm(partition: number): Promise<boolean> {
    const { scheduler, network } = this.#world;
    return new Promise((resolve) => {
      scheduler.after(network.latencyMs(), () => {
        const mine = this.#mine();
        this.#fromCoordinator.send(() => {
          this.#learn(mine);
          resolve(!this.#closed && mine.has(partition));
        });
      });
    });
  }

  async bookmark(partition: number, offset: number, note: string): Promise<void> {
    await this.#world.network.request(this.process, () => {
      if (this.#closed) return;
      if (this.#group.owners[partition] !== this) throw notAMember(this.#groupName);
      void this.#world.logs.saveBookmark(this.#groupName, partition, offset, note);
      if (this.#topic === "journal") this.#world.dispatched(partition, offset);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { logs, network } = this.#world;
    await network.request(this.process, () => logs.groups.leave(this.#group, this));
  }
}

function notAMember(group: string): OperationalError<"LOG-001"> {
  const facts = { what: `group ${group}`, cause: "the partition is another's" };
  return new OperationalError("LOG-001", facts, `group ${group} takes no bookmark of another's`);
}

import type { Instance } from "./instance.ts";
import { decide } from "./instance.ts";
import type { Partition } from "./partition.ts";
import type { Site, World } from "./world.ts";

const ROUNDS_MAX = 300;

/** No more faults: everything that is owed finishes, and is looked over. */
export function drain(world: World): void {
  const { sites, random } = world;
  world.note(() => "no more faults");
  world.trouble = 0;
  for (const site of sites) settle(site, random.chance(0.3), random.chance(0.5));
  for (let round = 0; round < ROUNDS_MAX && world.failure === undefined; round++) {
    world.tick();
    for (const site of sites) work(site);
    if (sites.every(isDone)) {
      for (const site of sites) lookOver(site.partition, world);
      return;
    }
  }
  const stuck = sites.find((site) => !isDone(site));
  world.failure ??= `partition ${stuck?.partition.index}: it does not come to its end`;
}

/** One owner and one dispatcher are left: those that were last, or new ones. */
function settle({ partition, owners, dispatchers }: Site, wipe: boolean, anew: boolean): void {
  partition.lateAppends = [];
  partition.lateEvents = [];
  partition.store.repeated = undefined;
  for (const owner of owners) owner.end("the end is near");
  for (const dispatcher of dispatchers) {
    if (anew || !dispatcher.isMember) dispatcher.crash();
  }
  if (wipe) partition.store.wipe();
}

function work({ owners: [owner], dispatchers }: Site): void {
  if (owner?.tenure === undefined) {
    if (owner?.isFolding !== true) owner?.claim(false);
    owner?.fold(Number.POSITIVE_INFINITY);
  }
  owner?.tenure?.turn(3, 0);
  owner?.tenure?.turn(0, 1);
  while (owner?.tenure?.isSending === true) owner.tenure.land();
  owner?.tenure?.commit();
  if (!dispatchers.some(({ isOpen }) => isOpen)) dispatchers[0]?.open();
  for (const dispatcher of dispatchers) {
    dispatcher.read(50);
    dispatcher.resume();
    dispatcher.execute();
    dispatcher.bookmark();
  }
}

function isDone({ partition, owners: [owner], dispatchers }: Site): boolean {
  const { truth, events } = partition;
  const hasTimer = [...truth.now.instances.values()].some(({ timer }) => timer);
  const isTaken = truth.now.position.offset === events.end;
  const isDispatched = dispatchers.some(({ isIdle }) => isIdle);
  return isTaken && !hasTimer && isDispatched && owner?.tenure?.isIdle === true;
}

function lookOver(partition: Partition, world: World): void {
  partition.checkReadFromStart();
  for (const { id } of effectsOf(partition)) {
    if (!world.executed.has(id)) partition.fail(`${id} was never executed`);
  }
  for (const { owed } of partition.truth.now.instances.values()) {
    for (const { effect } of owed) partition.fail(`${effect.id} is done, and still owed`);
  }
  checkInputs(partition, world);
}

function effectsOf({ truth }: Partition): { id: string }[] {
  return [...truth.effects.values()].map(({ effect }) => effect);
}

/** Every event was taken by each instance that it was for, or meant nothing to it when its turn came. */
function checkInputs(partition: Partition, world: World): void {
  const { events, truth } = partition;
  const highest = new Map<string, number>();
  const known = new Set<string>();
  events.all.forEach((event, offset) => {
    const isDropped = event.n <= (highest.get(event.writer) ?? -1);
    highest.set(event.writer, Math.max(event.n, highest.get(event.writer) ?? -1));
    const isNew = !known.has(event.id);
    known.add(event.id);
    if (!isNew) return;
    if (isDropped) return partition.fail(`${event.id} at ${offset} is dropped, and is no repeat`);
    for (const key of event.keys) {
      if (world.partitionOf(key) !== partition || truth.hasTaken(event.id, key)) continue;
      const before = stateAt(partition, key, offset);
      const isOutcome = event.type === "parked" || event.type === "result";
      // What has ended may have been dropped, with nothing owed; then there is nothing to be told.
      if (isOutcome && before !== undefined && before.endedAt >= 0) continue;
      const { type, time, asks, to, effect } = event;
      const decision = decide(key, before, { type, offset, time, asks, to, effect });
      if (decision !== undefined) partition.fail(`${event.id} at ${offset} is lost to ${key}`);
    }
  });
}

/** An instance as it was when an event came to its turn. */
function stateAt({ truth }: Partition, key: string, offset: number): Instance | undefined {
  const taken = truth.taken.get(key) ?? [];
  return taken.findLast((one) => (one.isTimer ? one.at <= offset : one.at < offset))?.instance;
}

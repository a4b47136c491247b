import type { Dispatcher } from "./dispatcher.ts";
import type { Owner } from "./owner.ts";
import type { Random } from "./random.ts";
import type { EventRecord } from "./records.ts";
import type { Tenure } from "./tenure.ts";
import type { Site, World } from "./world.ts";

type Action = (site: Site, which: 0 | 1, world: World) => void;

/** What happens next, to one partition and one of its two owners or dispatchers. */
export const actions = {
  publish: ({ partition }, _, world) => world.publish(partition),
  publishBegin: publishes({ type: "x", keys: ["a"], asks: "nothing" }),
  publishQuit: publishes({ type: "quit", keys: ["a"], asks: "nothing" }),
  publishCommand: publishes({ type: "x", keys: ["b"], asks: "command" }),
  republish: (_, __, world) => world.republish(),
  turn: ownerDoes((tenure, { random }) => tenure.turn(1 + random.below(3), random.below(2))),
  land: ownerDoes((tenure, { random }) => {
    for (let left = 1 + random.below(2); left > 0; left--) tenure.land();
  }),
  commit: ownerDoes((tenure) => tenure.commit()),
  evict: ownerDoes((tenure) => tenure.evict()),
  checkpoint: ownerDoes((tenure, { random }) => {
    for (let left = 1 + random.below(4); left > 0; left--) tenure.checkpoint();
  }),
  cut: ownerDoes((tenure) => tenure.cut()),
  fold: ({ owners }, which, { random }) => owners[which]?.fold(1 + random.below(6)),
  claim: ({ owners }, which) => owners[which]?.claim(false),
  rebuild: ({ owners }, which) => owners[which]?.claim(true),
  read: dispatcherDoes((dispatcher, { random }) => dispatcher.read(1 + random.below(8))),
  execute: dispatcherDoes((dispatcher, { random }) => {
    for (let left = 1 + random.below(3); left > 0; left--) dispatcher.execute();
  }),
  park: dispatcherDoes((dispatcher) => dispatcher.park()),
  bookmark: dispatcherDoes((dispatcher) => dispatcher.bookmark()),
  resume: dispatcherDoes((dispatcher) => dispatcher.resume()),
  open: ({ dispatchers }, which) => dispatchers[which]?.open(),
  ownerCrashes: ({ owners }, which) => owners[which]?.end("crashes"),
  dispatcherCrashes: ({ dispatchers }, which) => dispatchers[which]?.crash(),
  wipe: ({ partition }) => {
    partition.note(() => "the store is wiped");
    partition.store.wipe();
  },
  rewind: ({ partition }, _, { random }) => {
    partition.store.rewind(random.below(random.chance(0.5) ? 4 : 20));
    partition.note(() => `the store is set back to ${partition.store.now.bookmark.offset}`);
  },
  loseBookmark: ({ partition }) => {
    partition.note(() => "the bookmark is lost");
    partition.group.bookmark = undefined;
  },
  lateAppend: ({ partition }, _, { random }) => {
    const [records] = partition.lateAppends.splice(random.below(partition.lateAppends.length), 1);
    if (records === undefined) return;
    partition.note(() => `a late append lands at ${partition.journal.end}`);
    partition.append(records);
  },
  lateEvent: ({ partition }) => {
    const event = partition.lateEvents.shift();
    if (event !== undefined) partition.publish(event);
  },
  lateCommit: ({ partition }) => {
    const { repeated } = partition.store;
    partition.store.repeated = undefined;
    if (repeated !== undefined) partition.commit(repeated);
  },
  outage: (_, __, world) => world.outage(),
} satisfies Record<string, Action>;

export type ActionName = keyof typeof actions;
export type Weights = Partial<Record<ActionName, number>>;

const usual: Required<Weights> = {
  publish: 10,
  publishBegin: 0,
  publishQuit: 0,
  publishCommand: 0,
  republish: 3,
  turn: 20,
  land: 30,
  commit: 12,
  evict: 6,
  checkpoint: 20,
  cut: 12,
  fold: 4,
  claim: 0.5,
  rebuild: 0.3,
  read: 20,
  execute: 14,
  park: 6,
  bookmark: 10,
  resume: 8,
  open: 0.6,
  ownerCrashes: 0.8,
  dispatcherCrashes: 1,
  wipe: 0.5,
  rewind: 1,
  loseBookmark: 0.8,
  lateAppend: 2,
  lateEvent: 3,
  lateCommit: 2,
  outage: 0.3,
};

/** Each run has some kinds of action more often than others, and some not at all. */
const moods = [0, 0.5, 1, 1, 2];
const neverLeftOut = new Set<ActionName>(["publish", "turn", "land", "read"]);

export function weightsOf(
  random: Random,
  emphasis: Weights,
): readonly (readonly [ActionName, number])[] {
  return (Object.keys(usual) as ActionName[]).map((name) => {
    const mood = random.of(moods) ?? 1;
    const weight = emphasis[name] ?? usual[name];
    return [name, weight * (mood === 0 && neverLeftOut.has(name) ? 1 : mood)] as const;
  });
}

/** How soon somebody takes over: at once where nobody works, seldom where another does. */
const takesOver = (isFree: boolean): number => (isFree ? 0.6 : 0.02);

/** An owner that does not own goes on with its claim, or makes one. */
function ownerDoes(act: (tenure: Tenure, world: World) => void): Action {
  return ({ owners }, which, world) => {
    const owner = owners[which] as Owner;
    if (owner.tenure !== undefined) act(owner.tenure, world);
    else if (owner.isFolding) owner.fold(1 + world.random.below(8));
    else if (world.random.chance(takesOver(owners.every(isDown)))) owner.claim(false);
  };
}

function dispatcherDoes(act: (dispatcher: Dispatcher, world: World) => void): Action {
  return ({ dispatchers }, which, world) => {
    const dispatcher = dispatchers[which] as Dispatcher;
    if (dispatcher.isOpen) act(dispatcher, world);
    else if (world.random.chance(takesOver(dispatchers.every(({ isOpen }) => !isOpen))))
      dispatcher.open();
  };
}

function isDown({ tenure, isFolding }: Owner): boolean {
  return tenure === undefined && !isFolding;
}

function publishes(wanted: Partial<EventRecord>): Action {
  return ({ partition }, _, world) => world.publish(partition, wanted);
}

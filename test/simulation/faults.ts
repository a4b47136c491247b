import type { Scheduler } from "./scheduler.ts";

/**
 * What goes wrong in one simulation, and how often: each rate is drawn anew for every seed, and some
 * are nothing, so that a seed of few faults lets each of them do its worst.
 *
 * A fault is a rate here, and a line where the plan is carried out (disturbances.ts) or where a server
 * answers (log-client.ts, store-client.ts).
 */
export interface Faults {
  /** Of an append: what becomes of it, see `AppendFate`. */
  readonly unanswered: number;
  readonly lost: number;
  readonly late: number;
  readonly doubled: number;
  /** Of a truncation: it is not answered, and takes effect now, later, or never. */
  readonly cutFails: number;
  /** Of a pass that makes a journal short: its owner is killed in the middle of it. */
  readonly killsInPass: number;
  /** Of a message: takes up to seconds. */
  readonly slow: number;
  /** Of a call to the store: it fails, having taken effect or not; it is done twice; it overtakes. */
  readonly storeFails: number;
  readonly storeRepeats: number;
  readonly storeOvertakes: number;
  /** Of a link between dispatcher and gateway: breaks with a command under way; hands it over twice. */
  readonly linkBreaks: number;
  readonly linkRepeats: number;
  /** Of a command that comes to a device: refused; or the device is gone before it answers. */
  readonly refused: number;
  readonly vanishes: number;
  /** Of a call: it is refused; answered with an error; answered late; never answered. */
  readonly callsRefused: number;
  readonly callsFail: number;
  readonly callsLate: number;
  readonly callsSilent: number;
  /** A second. */
  readonly kills: number;
  readonly stops: number;
  readonly pauses: number;
  readonly rebalances: number;
  readonly storms: number;
  readonly wipes: number;
  readonly setBacks: number;
  readonly clockJumps: number;
  readonly reconnects: number;
  readonly offlines: number;
  readonly newVersions: number;
  readonly newDeployments: number;
  /** All dispatchers are gone for so long that their group is forgotten. */
  readonly bookmarksLost: number;
  /** A second: `millrace rebuild` of a partition; of those, how many are killed half-way. */
  readonly rebuilds: number;
  readonly rebuildsKilled: number;
}

export const noFaults: Faults = {
  unanswered: 0,
  lost: 0,
  late: 0,
  doubled: 0,
  cutFails: 0,
  killsInPass: 0,
  slow: 0,
  storeFails: 0,
  storeRepeats: 0,
  storeOvertakes: 0,
  linkBreaks: 0,
  linkRepeats: 0,
  refused: 0,
  vanishes: 0,
  callsRefused: 0,
  callsFail: 0,
  callsLate: 0,
  callsSilent: 0,
  kills: 0,
  stops: 0,
  pauses: 0,
  rebalances: 0,
  storms: 0,
  wipes: 0,
  setBacks: 0,
  clockJumps: 0,
  reconnects: 0,
  offlines: 0,
  newVersions: 0,
  newDeployments: 0,
  bookmarksLost: 0,
  rebuilds: 0,
  rebuildsKilled: 0,
};

/** The most that a rate is drawn as: of calls and messages a share, of the rest how many a second. */
const most: Faults = {
  unanswered: 0.08,
  lost: 0.08,
  late: 0.08,
  doubled: 0.08,
  cutFails: 0.5,
  killsInPass: 0.3,
  slow: 0.06,
  storeFails: 0.03,
  storeRepeats: 0.05,
  storeOvertakes: 0.03,
  linkBreaks: 0.1,
  linkRepeats: 0.1,
  refused: 0.2,
  vanishes: 0.2,
  callsRefused: 0.3,
  callsFail: 0.3,
  callsLate: 0.4,
  callsSilent: 0.2,
  kills: 0.25,
  stops: 0.15,
  pauses: 0.2,
  rebalances: 0.2,
  storms: 0.04,
  wipes: 0.12,
  setBacks: 0.25,
  clockJumps: 0.2,
  reconnects: 0.2,
  offlines: 0.15,
  newVersions: 0.15,
  newDeployments: 0.3,
  bookmarksLost: 0.05,
  rebuilds: 0.1,
  rebuildsKilled: 0.8,
};

export function drawFaults(scheduler: Scheduler): Faults {
  const drawn = Object.entries(most).map(([name, max]) => {
    const rate = scheduler.random() < 0.4 ? 0 : scheduler.random() * max;
    return [name, rate];
  });
  return Object.fromEntries(drawn) as Faults;
}

import type { Rules } from "./rules.ts";
import type { Course } from "./run.ts";
import * as stories from "./stories.ts";

/** The protocol less one rule, or with one that is wrong. */
interface Mutant {
  readonly change: Partial<Rules>;
  /** The course on which it is seen soon; a random walk, unless said. */
  readonly course?: Course;
  /** By then it has to have broken. It took half as many when this was written, or fewer. */
  readonly seeds: number;
}

export const mutants: Readonly<Record<string, Mutant>> = {
  // ---- the journal and who owns it
  "the store gives epochs out": {
    change: { epoch: "count of the store" },
    course: { emphasis: { checkpoint: 0 } },
    seeds: 20,
  },
  "loads do not name a position": { change: { loadsNamePosition: false }, seeds: 100 },
  "commits are checked by their epoch alone": { change: { commitsCheck: "epoch" }, seeds: 100 },
  "commits are not checked": { change: { commitsCheck: "nothing" }, seeds: 100 },
  "an append is good wherever it stands": { change: { offsetChecked: false }, seeds: 150 },
  "an owner goes on after an append that was not answered": {
    change: { unknownEnds: false },
    seeds: 20,
  },
  "two appends are under way": { change: { appendsUnderWay: 2 }, seeds: 20 },
  "position and stamps stand in steps alone": { change: { stampsOn: "steps" }, seeds: 20 },
  "the store takes the position from memory": { change: { storeBehindJournal: false }, seeds: 20 },
  "a log that is silent for a day is forgotten": { change: { logWritersKept: false }, seeds: 500 },
  "the position passes before the copies are there": { change: { copiesFirst: false }, seeds: 20 },

  // ---- checkpoints and floors
  "a floor is named before its refreshes count": {
    change: { floorNamed: "with the checkpoint" },
    seeds: 20,
  },
  "a floor is named with its last refresh, and nobody looks whether that counts": {
    change: { floorNamed: "with its last refresh", floorVerified: false },
    seeds: 50,
  },
  "a pass refreshes what was stepped since its page was read": {
    change: { passSkipsStepped: false },
    seeds: 50,
  },
  "a pass asks the store alone": { change: { passAsksMemory: false }, seeds: 50 },
  "what a pass leaves out as ended long ago may be on an older page": {
    change: { passSettlesExpired: false },
    course: { story: stories.endedDuringPass },
    seeds: 100,
  },
  "a page does not name a position": { change: { pagesNamePosition: false }, seeds: 1000 },
  "a new owner goes on with a pass": {
    change: { passDiesWithTenure: false },
    course: { story: stories.ownerBetween },
    seeds: 100,
  },
  "a checkpoint has the stamps that moved": {
    change: { checkpointStamps: "those that moved" },
    seeds: 20,
  },
  "a checkpoint has the position of what has arrived": {
    change: { checkpointBehindDecided: false },
    seeds: 20,
  },
  "what has ended is dropped with what it owes": {
    change: { dropsSpareOwing: false },
    seeds: 1000,
  },
  "what began anew during the pass is dropped": {
    change: { dropsSpareBegun: false },
    course: { story: stories.begunDuringPass },
    seeds: 50,
  },

  // ---- truncation
  "the journal is cut above what is dispatched": {
    change: { cutBelowDispatched: false },
    seeds: 50,
  },
  "the journal is cut at a checkpoint that is no floor yet": {
    change: { cutBelowFloor: false },
    seeds: 50,
  },
  "the journal is cut between floors": { change: { cutAtFloor: false }, seeds: 50 },
  "the journal is cut at a floor that nothing names yet": {
    change: { cutAfterNaming: false },
    course: { story: stories.diesUnnamed },
    seeds: 100,
  },
  "events are cut up to what was decided": {
    change: { eventsCutBelow: "what was decided" },
    seeds: 50,
  },

  // ---- folds that begin at a floor
  "a restart keeps what the store had": { change: { restartForgets: false }, seeds: 50 },
  "a fold below the log's start goes on at the start": {
    change: { belowStart: "go on at the start" },
    course: { story: stories.setBackBelowStart },
    seeds: 100,
  },
  "who reads below the log's start stops for good": {
    change: { belowStart: "stop" },
    course: { story: stories.cutDuringFold },
    seeds: 50,
  },

  // ---- the dispatcher
  "the bookmark passes what was asked to be parked": {
    change: { parkedPassed: "it was asked for" },
    seeds: 50,
  },
  "what is parked is taken from a store that is behind the bookmark": {
    change: { parkedWaitsForBookmark: false },
    course: { story: stories.storeBehindBookmark },
    seeds: 100,
  },
  "what is parked is taken from a store that is being rebuilt": {
    change: { parkedWaitsForRebuild: false },
    course: { story: stories.parkedThenRebuilt },
    seeds: 100,
  },
  "a step that parks what an earlier dispatcher began is passed over": {
    change: { parkedTakenUp: "none" },
    course: { story: stories.parkedThenRead },
    seeds: 100,
  },
  "what a dead dispatcher had asked for is taken up only where its step is there already": {
    change: { parkedTakenUp: "those there as it opens" },
    seeds: 150,
  },
  "a step that parks what is under way counts only for who asked": {
    change: { parkedByOthersCounts: false },
    seeds: 50,
  },
  "a lost bookmark starts at the floor": { change: { lostBookmarkAt: "the floor" }, seeds: 150 },
  "a bookmark is an offset alone": { change: { bookmarkHasEpoch: false }, seeds: 150 },
  "sends go out in any order": { change: { sendsInOrder: false }, seeds: 50 },
};

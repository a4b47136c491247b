/**
 * The rules of the log protocol, each of which can be taken away.
 *
 * `amended` is the protocol; a mutant is `amended` with one rule changed, and has to break.
 */
export interface Rules {
  // ---- the journal and who owns it
  /** What a claim's epoch is. */
  readonly epoch: "offset of the claim" | "count of the store";
  /** Loads and due timers name the position of the journal that they expect. */
  readonly loadsNamePosition: boolean;
  /** What a commit is checked by. */
  readonly commitsCheck: "range" | "epoch" | "nothing";
  /** An append counts as good only at the offset after the last one. */
  readonly offsetChecked: boolean;
  /** An append whose fate is not known ends the tenure. */
  readonly unknownEnds: boolean;
  readonly appendsUnderWay: 1 | 2;
  /** Position and stamps are on the last record of every append, and marks carry them where there is no step. */
  readonly stampsOn: "every append" | "steps";
  /** The store takes the input position from what the journal has acknowledged. */
  readonly storeBehindJournal: boolean;
  /** Writers that are logs (copies, sends) are never forgotten, however long they are silent. */
  readonly logWritersKept: boolean;
  /** The position passes an input after its copies are acknowledged. */
  readonly copiesFirst: boolean;

  // ---- checkpoints and floors
  /** When a checkpoint is named as the floor. */
  readonly floorNamed: "when all of it counts" | "with its last refresh" | "with the checkpoint";
  /** A floor is taken from records alone that are known to count: offset - e = n. */
  readonly floorVerified: boolean;
  /** A pass leaves alone what was stepped since its checkpoint. */
  readonly passSkipsStepped: boolean;
  /** What is left out because it has ended long ago is left out for good: an older page has no say. */
  readonly passSettlesExpired: boolean;
  /** What is in memory is refreshed from there, before the first page of the store. */
  readonly passAsksMemory: boolean;
  /** A page of the store names its position, as a load does. */
  readonly pagesNamePosition: boolean;
  /** A new owner begins another pass. */
  readonly passDiesWithTenure: boolean;
  readonly checkpointStamps: "all" | "those that moved";
  /** The checkpoint's position is that of what was decided, not that of what has arrived. */
  readonly checkpointBehindDecided: boolean;
  /** Ended instances are dropped only if they owe nothing. */
  readonly dropsSpareOwing: boolean;
  /** Ended instances that have begun anew since the checkpoint are not dropped. */
  readonly dropsSpareBegun: boolean;

  // ---- truncation
  readonly cutBelowDispatched: boolean;
  readonly cutBelowFloor: boolean;
  /** The log always begins at a checkpoint that was a floor. */
  readonly cutAtFloor: boolean;
  /** A floor is named by an acknowledged record before anything is cut because of it. */
  readonly cutAfterNaming: boolean;
  /** Events are cut below the input position of this. */
  readonly eventsCutBelow: "the floor" | "what was decided";

  // ---- folds that begin at a floor
  readonly restartForgets: boolean;
  /** A fold whose next record is below the start of the log begins anew at a floor. */
  readonly belowStart: "begin anew" | "go on at the start" | "stop";

  // ---- the dispatcher
  /** When the bookmark passes an effect that is put aside. */
  readonly parkedPassed: "its step was read" | "it was asked for";
  /** What was put aside is taken from the store once that has reached the bookmark. */
  readonly parkedWaitsForBookmark: boolean;
  /** What was put aside is not taken from a store that is being rebuilt. */
  readonly parkedWaitsForRebuild: boolean;
  /** Which steps that put aside what an earlier dispatcher had begun are taken up when they are read. */
  readonly parkedTakenUp: "all" | "those there as it opens" | "none";
  /** A step that puts aside what is under way counts, even if an earlier dispatcher asked for it. */
  readonly parkedByOthersCounts: boolean;
  readonly lostBookmarkAt: "dispatched" | "the floor";
  /** The bookmark says which claim was the last one read. */
  readonly bookmarkHasEpoch: boolean;
  /** `send`s are written in the order of the journal. */
  readonly sendsInOrder: boolean;
}

export const amended: Rules = {
  epoch: "offset of the claim",
  loadsNamePosition: true,
  commitsCheck: "range",
  offsetChecked: true,
  unknownEnds: true,
  appendsUnderWay: 1,
  stampsOn: "every append",
  storeBehindJournal: true,
  logWritersKept: true,
  copiesFirst: true,
  floorNamed: "when all of it counts",
  floorVerified: true,
  passSkipsStepped: true,
  passSettlesExpired: true,
  passAsksMemory: true,
  pagesNamePosition: true,
  passDiesWithTenure: true,
  checkpointStamps: "all",
  checkpointBehindDecided: true,
  dropsSpareOwing: true,
  dropsSpareBegun: true,
  cutBelowDispatched: true,
  cutBelowFloor: true,
  cutAtFloor: true,
  cutAfterNaming: true,
  eventsCutBelow: "the floor",
  restartForgets: true,
  belowStart: "begin anew",
  parkedPassed: "its step was read",
  parkedWaitsForBookmark: true,
  parkedWaitsForRebuild: true,
  parkedTakenUp: "all",
  parkedByOthersCounts: true,
  lostBookmarkAt: "dispatched",
  bookmarkHasEpoch: true,
  sendsInOrder: true,
};

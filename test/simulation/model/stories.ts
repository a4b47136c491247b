import type { Story } from "./run.ts";

type Part = Story | Story[number];

/** Directed schedules for what a random walk meets once in thousands of seeds. */
const owned: Story = ["claim", "fold", "fold"];
const decided: Story = ["turn", "land", "land"];
const command: Story = ["publishCommand", ...decided];
const step: Story = ["publish", ...decided];
const pass: Story = times(8, ["checkpoint", "land"]);
const dispatched: Story = ["read", "read", ...times(4, ["execute"]), "bookmark"];
/** Until what has ended is not kept any longer. */
const awhile: Story = times(26, ["evict"]);

function story(...parts: readonly Part[]): Story {
  return parts.flat();
}

function times(count: number, part: Story): Story {
  return Array.from({ length: count }, () => part).flat();
}

/** Of two commands one is put aside, and the dispatcher dies before the other one is. */
export const parkedThenRead: Story = story(
  owned,
  "open",
  "resume",
  times(2, command),
  "commit",
  "read",
  "read",
  "park",
  decided,
  "read",
  "bookmark",
  "dispatcherCrashes",
  "open",
  "resume",
  "read",
  "read",
  "commit",
);

/** All that is begun is put aside; the store is rebuilt when the next dispatcher looks. */
export const parkedThenRebuilt: Story = story(
  owned,
  "open",
  "resume",
  times(2, command),
  "read",
  "read",
  "park",
  "park",
  decided,
  "turn",
  "land",
  "read",
  "bookmark",
  "commit",
  pass,
  step,
  "read",
  "bookmark",
  "commit",
  "dispatcherCrashes",
  "loseBookmark",
  "rebuild",
  "fold",
  "open",
  "resume",
  "fold",
  "fold",
);

/** An instance has ended long ago, and begins anew while the pass goes on. */
export const begunDuringPass: Story = story(
  owned,
  "publishBegin",
  decided,
  "publishQuit",
  decided,
  "commit",
  awhile,
  "checkpoint",
  "land",
  "publishBegin",
  decided,
  "commit",
  pass,
  "commit",
);

/** Its end comes late, and leaves memory between the page and the refreshes from it. */
export const endedDuringPass: Story = story(
  owned,
  "publishBegin",
  decided,
  "commit",
  "publishQuit",
  awhile,
  decided,
  "checkpoint",
  "land",
  "checkpoint",
  "commit",
  "evict",
  "evict",
  "evict",
  pass,
);

/** Another owner works between the page and the refreshes from it. */
export const ownerBetween: Story = story(
  owned,
  times(4, step),
  "commit",
  times(8, ["evict"]),
  "checkpoint",
  "land",
  "checkpoint",
  "land",
  "other claim",
  times(3, ["other fold"]),
  times(4, ["publish", "other turn", "other land", "other land"]),
  "other commit",
  owned,
  "fold",
  times(4, ["checkpoint", "land"]),
  step,
  "commit",
);

/** A floor is complete, and its owner dies before any record names it. */
export const diesUnnamed: Story = story(
  owned,
  "open",
  times(3, step),
  dispatched,
  dispatched,
  times(3, ["checkpoint", "land", "land"]),
  "cut",
  "cut",
  "cut",
  "wipe",
  "ownerCrashes",
  "claim",
);

/** The store is set back below the start of the log. */
export const setBackBelowStart: Story = story(
  owned,
  "open",
  times(6, step),
  "commit",
  times(3, step),
  decided,
  "commit",
  awhile,
  dispatched,
  dispatched,
  pass,
  step,
  "commit",
  dispatched,
  pass,
  step,
  step,
  "commit",
  "cut",
  "cut",
  "cut",
  "rewind",
  "claim",
  times(5, ["fold"]),
  step,
  "commit",
);

/** The old owner cuts the log while the next one folds it. */
export const cutDuringFold: Story = story(
  owned,
  "open",
  times(3, step),
  dispatched,
  dispatched,
  pass,
  pass,
  step,
  "other claim",
  "other fold",
  "cut",
  "cut",
  "cut",
  "other fold",
  "other fold",
);

/** The store has not heard of what was put aside when the next dispatcher looks. */
export const storeBehindBookmark: Story = story(
  owned,
  "open",
  "resume",
  command,
  "commit",
  "read",
  "park",
  decided,
  "read",
  "bookmark",
  "dispatcherCrashes",
  "open",
  "resume",
  "commit",
);

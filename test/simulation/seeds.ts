/** `from`, `from + 1`, … `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/**
 * Seeds that once failed, each with what it found. They are of the world as it was then: when what is
 * drawn changes, a seed is another world. What was found is kept for good by a mutant that brings it back.
 */
export const onceFailed: ReadonlyMap<number, string> = new Map([
  [3, "a paused dispatcher never read the step that would have let it go on"],
  [5, "a reminder of a timer that was gone fired a later one before others' turn"],
  [48, "after a pause, input was taken before timers that only the store knew of"],
  [49, "two timers due at the same time, one of them not loaded: a turn without end"],
  [58, "a command delivered here and put aside by another dispatcher was owed for ever"],
  [1_679, "a window of timers that was moved twice before the store answered once had a hole"],
  [1_951, "a window of timers counted as full before the store had answered"],
  [1_585, "a command under way here and parked at another's request was owed for ever"],
  [3_057, "an owner that woke while the journal was cut where it read stopped its partition"],
  [3_235, "a late bookmark took the next one back"],
  [1_265, "an instance that had ended was dropped before what had come to it was decided"],
  [2_671, "an owner that a rebuild had overtaken took the log for shorter than the store"],
  [22, "a timer was rejected as poison because an earlier one of its instance had been"],
  [306, "a command that was put aside after a newer one had been decided was owed for ever"],
  [
    1_566,
    "a command that was put aside after it had been refused was owed beyond the one that replaced it",
  ],
  [1_355, "an event of several turns ended its owners without end: each had rejected a part of it"],
  [
    1_895,
    "what an instance owed when it ended, and nobody could redrive any more, was owed for ever",
  ],
  [105, "what was decided during an append was in no window of timers for a while"],
  [
    342_365_981,
    "a command that an old dispatcher put aside once its refusal was taken was owed for ever",
  ],
  [598_824_579, "who tidied up was not heard: what was said looked like a repeat"],
  [292_910_924, "a copy was asked for that its owner could not know to make"],
]);

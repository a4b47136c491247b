/** Stretches of rising offsets with no larger gap in them: each is read in one go. */
export function runsOf(
  offsets: readonly number[],
  gapRecordsMax: number,
): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const offset of offsets) {
    const run = runs.at(-1);
    if (run !== undefined && offset - run[1] <= gapRecordsMax) run[1] = offset;
    else runs.push([offset, offset]);
  }
  return runs;
}

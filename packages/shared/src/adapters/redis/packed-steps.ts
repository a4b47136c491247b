/**
 * Journal offsets as text of a fixed width, so that a script can cut and compare them: nine base-36
 * digits hold offsets up to 10^14.
 */
const WIDTH = 9;

export function packSteps(offsets: readonly number[]): string {
  return offsets.map((offset) => offset.toString(36).padStart(WIDTH, "0")).join("");
}

export function unpackSteps(text: string): number[] {
  const offsets: number[] = [];
  for (let i = 0; i < text.length; i += WIDTH)
    offsets.push(Number.parseInt(text.slice(i, i + WIDTH), 36));
  return offsets;
}

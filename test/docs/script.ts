import { parseDurationMs } from "@millrace/shared/contract/time";
import type { Fence } from "./page.ts";

/**
 * The lines of a `text run` fence: at the left what is done, indented below it what has to be so.
 *
 *     publish site/hall/motion {"lux": 12}
 *       lights/hall is lit
 *       command light {"level": 100}
 */
export interface Block {
  readonly act: Line;
  readonly expected: readonly Expectation[];
}

export interface Line {
  readonly text: string;
  /** Line of the page, from 1. */
  readonly line: number;
}

/** What has to be so; the steps of a `history` stand indented below it. */
export interface Expectation extends Line {
  readonly below: readonly string[];
}

/** @throws Error for a line that is indented below nothing */
export function readScript({ text, line: first }: Fence): Block[] {
  const blocks: { act: Line; expected: (Line & { below: string[] })[] }[] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const line = first + i;
    const words = raw.trim();
    if (words === "" || words.startsWith("#")) continue;
    const depth = /^ */.exec(raw)?.[0].length ?? 0;
    const block = blocks.at(-1);
    if (depth === 0) blocks.push({ act: { text: words, line }, expected: [] });
    else if (block === undefined) throw new Error(`line ${line} is indented below nothing`);
    else if (depth <= 2) block.expected.push({ text: words, line, below: [] });
    else {
      const above = block.expected.at(-1);
      if (above === undefined) throw new Error(`line ${line} is indented below nothing`);
      above.below.push(words);
    }
  }
  return blocks;
}

/** The first words of a line, and the rest of it. */
export function cut(text: string, words: number): string[] {
  const parts = text.split(" ");
  return [...parts.slice(0, words), parts.slice(words).join(" ")];
}

/** @throws Error */
export function durationMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new Error(`\`${text}\` is not a duration`);
  return ms;
}

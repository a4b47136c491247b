import { RE2JS } from "re2js";

/**
 * RE2 patterns, compiled: those of expressions and of payload schemas.
 *
 * A match takes time by the text's length times the pattern's size, whatever they are; but a few
 * characters can be a large pattern (`(a{1,100}b){10}`), and to compile one costs about 10 us a size of 1.
 */
export interface Pattern {
  /** How much a match may take for each character of a text. */
  readonly size: number;
  isIn(text: string): boolean;
}

/** Characters, times the pattern's size, that cost as much as a node of an expression. */
const CELLS_PER_UNIT = 8;

/** What it costs to look for a pattern in a text. */
export function matchUnits(pattern: Pattern, text: string): number {
  return (text.length * pattern.size) / CELLS_PER_UNIT;
}

/** Of a pattern that stands in a flow, and is compiled once. */
const SIZE_MAX = 10_000;
/** Of a pattern that an expression makes out of data, and that may be another one each time. */
const MADE_SIZE_MAX = 500;

/** @throws Error for what is no RE2 pattern, or is too large */
export function compilePattern(pattern: string, sizeMax = SIZE_MAX): Pattern {
  if (patternSize(pattern) > sizeMax)
    throw new Error(`the pattern is too large: ${sizeMax} is the most, repetitions multiplied out`);
  const compiled = RE2JS.compile(pattern);
  return { size: compiled.programSize(), isIn: (text) => compiled.matcher(text).find() };
}

/** A class, a quotation, an escape, a repetition, or else one character. */
const TOKEN = /\[\^?\]?(?:\\.|[^\]\\])*\]|\\Q.*?(?:\\E|$)|\\.|\{(\d+)(?:,(\d*))?\}|./gs;

/** About what a pattern becomes when its repetitions are multiplied out; at least half of it. */
export function patternSize(pattern: string): number {
  /** What stands before each group that is open. */
  const open: number[] = [];
  let before = 0;
  let last = 0;
  for (const [token, least, most] of pattern.matchAll(TOKEN)) {
    if (least !== undefined) {
      last = (last + 1) * Math.max(Number(least), Number(most || 0), 1);
    } else if (token === "(") {
      open.push(before + last);
      before = 0;
      last = 0;
    } else if (token === ")") {
      last += before + 2;
      before = open.pop() ?? 0;
    } else if (token === "*" || token === "+" || token === "?") {
      last += 1;
    } else {
      before += last;
      last = token.startsWith("\\Q") ? token.length : 1;
    }
  }
  return open.reduce((sum, size) => sum + size, before + last);
}

/** How many made patterns are kept, in each of two generations. */
const KEPT_MAX = 250;
let young = new Map<string, Pattern>();
let old = new Map<string, Pattern>();

/**
 * A pattern that an expression made. What is asked for again stays: patterns that come only once push
 * out each other, and not those that are in use.
 *
 * @throws Error as above
 */
export function madePattern(pattern: string): Pattern {
  let compiled = young.get(pattern);
  if (compiled !== undefined) return compiled;
  compiled = old.get(pattern) ?? compilePattern(pattern, MADE_SIZE_MAX);
  if (young.size >= KEPT_MAX) {
    old = young;
    young = new Map();
  }
  young.set(pattern, compiled);
  return compiled;
}

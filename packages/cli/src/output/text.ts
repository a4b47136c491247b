import type { Bindings, StateValue } from "@millrace/shared/contract/instance";

/** A state value in one line: `lit`, `a.b`, `{a: b, c: d}`. */
export function writeState(state: StateValue | null): string {
  if (state === null) return "·";
  if (typeof state === "string") return state;
  const regions = Object.entries(state).map(([region, inner]) => {
    const text = writeState(inner);
    return text === "{}" ? region : `${region}.${text}`;
  });
  return regions.length === 1 ? (regions[0] ?? "") : `{${regions.join(", ")}}`;
}

/** A time as people read it, in their own zone, to the second. */
export function writeTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Text that fits a column. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

/** `sensor s1, light l7` */
export function writeThings(things: Bindings): string {
  const bound = Object.entries(things);
  return bound.map(([role, thing]) => `${role} ${thing}`).join(", ");
}

const BAR_WIDTH = 30;

/** @param part from 0 to 1 */
export function writeBar(part: number): string {
  const full = Math.round(BAR_WIDTH * part);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}

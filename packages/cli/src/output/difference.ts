import type { Difference, EffectTally } from "@millrace/engine/query/verify/report";
import { writeTable } from "./table.ts";
import { shorten, writeTime } from "./text.ts";

const VALUE_CHARACTERS_MAX = 60;

/** Where an instance first came out otherwise, and a line for each member that did. */
export function writeDifference(difference: Difference): string {
  const { instance, partition, offset, seq, at, cause, changes } = difference;
  const subject = instance ?? `events/${partition} at ${cause.offset ?? "?"}`;
  const step = seq === undefined ? "" : `step ${seq}, `;
  const from = cause.thing === undefined ? "" : ` from ${cause.thing}`;
  const where = offset === undefined ? "" : `, journal/${partition} at ${offset}`;
  const width = Math.max(...changes.map(({ path }) => path.length));
  const lines = changes.map(
    ({ path, was, now }) => `    ${path.padEnd(width)}  ${write(was)} → ${write(now)}`,
  );
  const what = `${cause.kind} ${cause.type}${from}`;
  return [`${subject}  ${writeTime(at)}  ${step}${what}${where}`, ...lines].join("\n");
}

function write(value: unknown): string {
  if (value === undefined) return "·";
  return shorten(typeof value === "string" ? value : JSON.stringify(value), VALUE_CHARACTERS_MAX);
}

/** What instances that came out otherwise asked for then, and would have asked for. */
export function writeEffects(effects: readonly EffectTally[]): string {
  const more = ({ was, now }: EffectTally): string =>
    now === was ? "" : now > was ? `+${now - was}` : `-${was - now}`;
  return writeTable(effects, [
    { title: "effect", value: ({ kind }) => kind },
    { title: "name", value: ({ name }) => name },
    { title: "then", value: ({ was }) => was },
    { title: "now", value: ({ now }) => now },
    { title: "more", value: more },
    { title: "changed", value: ({ changed }) => changed },
  ]);
}

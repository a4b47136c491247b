import type { TracedStep } from "@millrace/gateway/api/operations";
import type { Json } from "@millrace/shared/contract/json";
import { shorten, writeState, writeTime } from "./text.ts";

/** A line of the waterfall: what, from when to when (epoch ms by the log), and what comes of it. */
interface Row {
  readonly label: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly below: Row[];
}

const BAR_CHARACTERS = 32;
const LABEL_CHARACTERS_MAX = 100;
const PAYLOAD_CHARACTERS_MAX = 40;

/**
 * A trace as a waterfall: one line for each publish, step, effect and outcome, below what it came of, with
 * its beginning and how long it took. Times are the log's: a publish stands where the log took it, a step
 * ends where the journal has it, an effect where its outcome was written.
 */
export function writeTrace(id: string, items: readonly TracedStep[]): string {
  const roots = rowsOf(items);
  const lines = flatten(roots, 0);
  const startMs = Math.min(...lines.map(({ row }) => row.startMs));
  const endMs = Math.max(...lines.map(({ row }) => row.endMs));
  const instances = new Set(items.map(({ flow, key }) => `${flow}/${key}`)).size;
  const steps = items.filter(({ rejected }) => rejected === undefined).length;
  const head = `trace ${id}: ${count(steps, "step")} of ${count(instances, "instance")}, ${endMs - startMs} ms from ${writeTime(startMs)} on`;
  const body = lines.map(({ row, depth }) => {
    const offset = `+${row.startMs - startMs}`.padStart(8);
    const took = `${row.endMs - row.startMs} ms`.padStart(9);
    const label = `${"  ".repeat(depth)}${shorten(row.label, LABEL_CHARACTERS_MAX)}`;
    return `${offset} ${took}  ${bar(row, startMs, endMs)}  ${label}`;
  });
  return [head, "", `${"start".padStart(8)} ${"took".padStart(9)}`, ...body].join("\n");
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function bar(row: Row, startMs: number, endMs: number): string {
  const scale = BAR_CHARACTERS / Math.max(1, endMs - startMs);
  const from = Math.min(BAR_CHARACTERS - 1, Math.floor((row.startMs - startMs) * scale));
  const to = Math.min(BAR_CHARACTERS, Math.ceil((row.endMs - startMs) * scale));
  const width = Math.max(1, to - from);
  return `${"·".repeat(from)}${"█".repeat(width)}`.padEnd(BAR_CHARACTERS, "·");
}

function flatten(rows: readonly Row[], depth: number): { row: Row; depth: number }[] {
  return rows
    .toSorted((a, b) => a.startMs - b.startMs)
    .flatMap((row) => [{ row, depth }, ...flatten(row.below, depth + 1)]);
}

/** Puts each step below what caused it: an effect of another step, or the publish that it came of. */
function rowsOf(items: readonly TracedStep[]): Row[] {
  const roots = new Map<string, Row>();
  const effects = new Map<string, Row>();
  const stepRows = items.map((item) => ({ item, row: stepRow(item) }));
  for (const { item, row } of stepRows) {
    for (const effect of item.effects) {
      const end = outcomeOf(effect.id, items);
      const done = end === undefined ? "" : `: ${end.word}`;
      const label = `${effect.kind} ${effect.name}${done}`;
      const made = { label, startMs: item.at, endMs: end?.at ?? item.at, below: [] };
      row.below.push(made);
      effects.set(effect.id, made);
    }
  }
  for (const { item, row } of stepRows) {
    const cause = effects.get(item.cause.effect ?? "");
    if (cause === undefined) rootOf(item, roots).below.push(row);
    else cause.below.push(row);
  }
  return [...roots.values()];
}

function stepRow({
  flow,
  key,
  seq,
  from,
  to,
  cause,
  rejected,
  input,
  at,
  decidedAt,
  partition,
}: TracedStep): Row {
  const of = key === undefined ? (flow ?? "no flow") : `${flow}/${key}`;
  const startMs = Math.min(input?.at ?? decidedAt, at);
  const where = `(journal ${partition})`;
  const what =
    cause.type === "parked"
      ? "it is put aside"
      : `${writeState(from ?? null)} → ${writeState(to ?? null)}`;
  const label =
    rejected === undefined
      ? `step ${seq} ${of}: ${what} ${where}`
      : `rejected ${of}: ${rejected.code}, ${rejected.detail} ${where}`;
  return { label, startMs, endMs: at, below: [] };
}

/** Whatever is first known of a step that nothing in the trace caused. */
function rootOf({ cause, input, decidedAt, partition }: TracedStep, roots: Map<string, Row>): Row {
  const { kind, type, topic, client, offset, effect } = cause;
  const source = input?.original ?? { partition, offset, at: input?.at ?? decidedAt };
  const id = kind === "timer" ? `timer ${partition}` : `${source.partition}-${source.offset}`;
  const known = roots.get(id);
  if (known !== undefined) return known;
  const by = client === undefined ? "" : ` by ${client}`;
  const label =
    kind === "device"
      ? `publish ${topic ?? type}${by}${writePayload(input?.payload)} (events ${source.partition})`
      : `${kind} ${type}${effect === undefined ? "" : ` of ${effect}`}`;
  const made = { label, startMs: source.at, endMs: source.at, below: [] };
  roots.set(id, made);
  return made;
}

function writePayload(payload: Json | undefined): string {
  return payload === undefined
    ? ""
    : ` ${shorten(JSON.stringify(payload), PAYLOAD_CHARACTERS_MAX)}`;
}

/** How an effect ended, as far as the trace says. */
function outcomeOf(
  id: string,
  items: readonly TracedStep[],
): { readonly word: string; readonly at: number } | undefined {
  const caused = items.filter(({ cause }) => cause.effect === id && cause.type !== "parked");
  const [first] = caused;
  if (first === undefined) return undefined;
  const { kind, type } = first.cause;
  // An invoke hears of it by an event of XState's own: `xstate.done.actor.NAME`.
  const [result = type] = type.replace(/^xstate\./, "").split(".");
  const word = kind === "result" ? result : "taken";
  return { word, at: first.input?.at ?? first.decidedAt };
}

import type { HistoryStep } from "@millrace/gateway/api/operations";
import { isJsonObject, type Json } from "@millrace/shared/contract/json";
import { shorten, writeState, writeTime } from "./text.ts";

const PAYLOAD_CHARACTERS_MAX = 80;

/** Steps in the order in which they are given, each with its cause, and its effects with what became of them. */
export function writeHistory(steps: readonly HistoryStep[]): string[] {
  const outcomes = outcomesIn(steps);
  return steps.map((step) => writeStep(step, outcomes));
}

type Outcomes = ReadonlyMap<string, readonly HistoryStep[]>;

/** The steps that outcomes of effects have made, oldest first, by the `seq/index` of the effect. */
function outcomesIn(steps: readonly HistoryStep[]): Outcomes {
  const outcomes = new Map<string, HistoryStep[]>();
  for (const step of steps.toSorted((a, b) => a.seq - b.seq)) {
    const { kind, effect } = step.cause;
    if (kind !== "result" || effect === undefined) continue;
    const place = effect.split("/").slice(-2).join("/");
    outcomes.set(place, [...(outcomes.get(place) ?? []), step]);
  }
  return outcomes;
}

function writeStep(step: HistoryStep, outcomes: Outcomes): string {
  const { seq, at, cause, from, to, effects, traceId } = step;
  const who = cause.thing === undefined ? "" : ` from ${cause.thing}`;
  const head = `${String(seq).padStart(5)}  ${writeTime(at)}  ${cause.kind} ${cause.type}${who}`;
  const lines = [`${head}: ${writeState(from)} → ${writeState(to)}`];
  const input = writeInput(step);
  if (input !== "") lines.push(`         ${input}`);
  for (const effect of effects) {
    const { kind, index, ...rest } = effect as {
      kind: string;
      index: number;
    } & Record<string, unknown>;
    const name = typeof rest["name"] === "string" ? ` ${rest["name"]}` : "";
    const what = "payload" in rest ? rest["payload"] : rest;
    lines.push(
      `         └ ${kind}${name} ${shorten(JSON.stringify(what), PAYLOAD_CHARACTERS_MAX)}`,
    );
    for (const outcome of outcomes.get(`${seq}/${index}`) ?? [])
      lines.push(`           └ ${outcome.cause.type}: step ${outcome.seq}`);
  }
  if (traceId !== undefined) lines.push(`           trace ${traceId}`);
  return lines.join("\n");
}

/** What came in: where it was published, and its payload, where that says something. */
function writeInput({ cause, payload, noPayload }: HistoryStep): string {
  // The effect that was put aside stands with the step that asked for it.
  if (cause.kind === "result" && cause.type === "parked") return "";
  const topic = cause.topic ?? "";
  if (noPayload !== undefined) {
    const why = noPayload === "deleted" ? "is no longer in the log" : "was not read in time";
    return `${topic} payload ${why}`.trimStart();
  }
  const says = payload !== undefined && (cause.kind === "device" || !isEmpty(payload));
  const what = says ? shorten(JSON.stringify(payload), PAYLOAD_CHARACTERS_MAX) : "";
  return [topic, what].filter((part) => part !== "").join(" ");
}

function isEmpty(payload: Json): boolean {
  return isJsonObject(payload) && Object.keys(payload).length === 0;
}

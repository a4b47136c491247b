import { type TraceCursor, type TracedRecord, TraceSearch } from "@millrace/engine/query/traces";
import type { Operations, TracedStep } from "@millrace/gateway/api/operations";
import { invalid } from "@millrace/gateway/api/problem";
import type { Effect } from "@millrace/shared/contract/effect";
import { effectId } from "@millrace/shared/contract/names";
import type { Installation } from "./installation.ts";

/** Searches the journal for what belongs to a trace, a page at a time. */
export function traceOperationOf({ log, clock }: Installation): Operations["trace"] {
  const traces = new TraceSearch({ log, clock });
  return async ({ ns, id, sinceMs, from = { partition: 0 } }) => {
    if (from.partition >= log.partitions)
      throw invalid("cursor", `there are partitions 0 to ${log.partitions - 1}`);
    const since = clock.wallMs() - sinceMs;
    const { records, searched, next } = await traces.page(id, since, from);
    const items = records
      .map((record) => tracedStep(record, ns))
      .filter((one) => one !== undefined);
    const { partition } = next ?? { partition: log.partitions - 1 };
    const page = { items, searched, partition, partitions: log.partitions };
    return { ...page, ...(next !== undefined && { next: writeCursor(next) }) };
  };
}

function writeCursor({ partition, below }: TraceCursor): string {
  return below === undefined ? String(partition) : `${partition}-${below}`;
}

/** @returns undefined for a record of another namespace */
function tracedStep(
  { partition, offset, at, trace, decided, input }: TracedRecord,
  ns: string,
): TracedStep | undefined {
  const place = { partition, offset, at, traceparent: trace, ...(input && { input }) };
  if ("rejected" in decided) {
    const { at: decidedAt, cause, code, detail, ns: its, flow, key } = decided.rejected;
    const of = { ...(flow !== undefined && { flow }), ...(key !== undefined && { key }) };
    if (its !== ns) return undefined;
    return { ...place, decidedAt, cause, ...of, rejected: { code, detail }, effects: [] };
  }
  const { at: decidedAt, cause, from, effects, instance } = decided.step;
  const { flow, key, seq, generation, state: to } = instance;
  if (instance.ns !== ns) return undefined;
  const asked = effects.map((effect) => ({
    id: effectId(instance, generation, seq, effect.index),
    kind: effect.kind,
    name: nameOf(effect),
  }));
  return { ...place, decidedAt, flow, key, seq, cause, from, to, effects: asked };
}

/** What an effect is called by people. */
function nameOf(effect: Effect): string {
  switch (effect.kind) {
    case "command":
      return `${effect.name} to ${effect.topic}`;
    case "call":
      return effect.name;
    case "send":
      return `${effect.type} to ${effect.flow}/${effect.key}`;
    case "publish":
      return `${effect.type} to ${effect.topic}`;
    case "log":
      return effect.message;
  }
}

import type { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { History, type RecordedStep } from "@millrace/engine/query/history";
import { type TraceCursor, type TracedRecord, TraceSearch } from "@millrace/engine/query/traces";
import { refuseWhileRebuilt } from "@millrace/engine/query/rebuild";
import type { Engine } from "@millrace/engine/runtime/engine";
import type {
  DeploymentInfo,
  DeploymentPage,
  DeploymentQuery,
  FlowInfo,
  Health,
  HistoryStep,
  Operations,
  TracedStep,
} from "@millrace/gateway/api/operations";
import { invalid } from "@millrace/gateway/api/problem";
import type { Gateway } from "@millrace/gateway/main/gateway";
import type { Effect } from "@millrace/shared/contract/effect";
import { effectId, type InstanceRef, instanceId, logKey } from "@millrace/shared/contract/names";
import { newTrace, traceIdOf } from "@millrace/shared/contract/trace";
import type { Tracer } from "@millrace/shared/ports/tracer";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { CatalogueEntry } from "@millrace/shared/flow/catalogue";
import type { Deployment } from "@millrace/shared/flow/deployments";
import { randomName } from "@millrace/shared/ports/clock";
import type { Installation } from "./installation.ts";

/** The roles that run in this process. */
export interface Roles {
  gateway?: Gateway;
  engine?: Engine;
  dispatcher?: Dispatcher;
}

/** Answers what people and programs ask, from the store, the journal and the registry. */
export function operationsOf(
  installation: Installation,
  roles: Roles,
  tracer?: Tracer,
): Operations {
  const { log, store, clock, catalogue, events } = installation;
  const history = new History({ log, store, clock });
  const traces = new TraceSearch({ log, clock });
  const partitionFor = (ref: InstanceRef): number =>
    partitionOf(logKey(ref.ns, ref.key), log.partitions);
  const everywhere = Array.from({ length: log.partitions }, (_, partition) => partition);
  return {
    flows: () => catalogue.entries().map(flowInfo),
    async instance(ref) {
      await refuseWhileRebuilt(installation, [partitionFor(ref)]);
      return await store.instance(partitionFor(ref), instanceId(ref));
    },
    async instances(query) {
      await refuseWhileRebuilt(installation, everywhere);
      return await store.instances(query);
    },
    async rejections(query) {
      await refuseWhileRebuilt(installation, everywhere);
      return await store.rejections(query);
    },
    deployment(ns, name) {
      const found = catalogue.deployments.get(ns, name);
      return found && deploymentInfo(found);
    },
    deployments: (query) => pageOfDeployments(catalogue.deployments.all(), query),
    async history(ref, query) {
      await refuseWhileRebuilt(installation, [partitionFor(ref)]);
      const { steps, next } = await history.page(ref, query);
      return { steps: steps.map(historyStep), ...(next !== undefined && { next }) };
    },
    async trace({ ns, id, sinceMs, from = { partition: 0 } }) {
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
    },
    async signal(to, { type, payload, id: given, trace: parent }) {
      const id = given ?? randomName(clock, "s");
      const partition = partitionFor(to);
      const attributes = { "millrace.instance": instanceId(to), "millrace.effect.name": type };
      const root = tracer?.root("signal", parent, { attributes });
      const trace = root?.trace ?? parent ?? newTrace(() => clock.random());
      const { ns, flow, key } = to;
      const stamped = { ns, flow, key, type, id, ...events.stamp(), trace };
      const record = {
        key: logKey(ns, key),
        header: JSON.stringify({ v: 1, kind: "signal", ...stamped }),
        value: JSON.stringify(payload),
      };
      const { offset } = await events.write(partition, record, trace);
      root?.span?.end();
      return { id, partition, offset };
    },
    health: async () => healthOf(installation, roles),
  };
}

function pageOfDeployments(
  all: readonly Deployment[],
  { ns, flow, thing, cursor = "", limit }: DeploymentQuery,
): DeploymentPage {
  const rest = all.filter(
    (one) =>
      one.ns === ns &&
      one.name > cursor &&
      (flow === undefined || one.flow === flow) &&
      (thing === undefined || Object.values(one.things).includes(thing)),
  );
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const more = rest.length > page.length && last !== undefined;
  return { items: page.map(deploymentInfo), ...(more && { next: last.name }) };
}

function deploymentInfo({ ns, name, flow, things, origin }: Deployment): DeploymentInfo {
  return { namespace: ns, name, flow, things, origin };
}

function flowInfo({ flow, origin, retired }: CatalogueEntry): FlowInfo {
  const { ns, name, version, file, roles } = flow;
  const listed = (entries: Record<string, { topic: string }> | undefined) =>
    Object.entries(entries ?? {}).map(([entry, { topic }]) => ({ name: entry, topic }));
  return {
    namespace: ns,
    name,
    version,
    ...(file.description !== undefined && { description: file.description }),
    origin,
    retired,
    ...(roles !== undefined && { roles: [...roles] }),
    inputs: listed(file.inputs),
    commands: listed(file.commands),
  };
}

function historyStep({ step, trace }: RecordedStep): HistoryStep {
  const { at, cause, from, effects, instance } = step;
  const traceId = traceIdOf(trace);
  return {
    seq: instance.seq,
    at,
    cause,
    from,
    to: instance.state,
    effects: effects.map(({ verdict: _verdict, ...effect }) => effect),
    verdicts: effects.map(({ index, verdict }) => ({ effect: index, ...verdict })),
    ...(traceId !== undefined && { traceId }),
    context: instance.context,
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

/** Ready means: every role of this process does its work. */
export function healthOf({ events }: Installation, { gateway, engine, dispatcher }: Roles): Health {
  const reasons: string[] = [];
  const partitions = engine?.partitions() ?? [];
  for (const state of ["claiming", "failed"]) {
    const count = partitions.filter((one) => one.state === state).length;
    const what = state === "failed" ? "have stopped" : "are being claimed";
    if (count > 0) reasons.push(`${count} partitions ${what}`);
  }
  if (engine?.failure !== undefined) reasons.push(`the input cannot be read: ${engine.failure}`);
  if (dispatcher !== undefined && dispatcher.failed > 0)
    reasons.push(`${dispatcher.failed} partitions are not dispatched any more`);
  if (events.congested) reasons.push("the log is behind: events wait to be written");
  return {
    ready: reasons.length === 0,
    reasons,
    facts: {
      ...(gateway && { mqtt: { ...gateway.stats } }),
      ...(engine && { engine: { partitions: partitions.length, ...engine.counters } }),
      ...(dispatcher && {
        dispatcher: { partitions: dispatcher.partitions().length, ...dispatcher.facts },
      }),
    },
  };
}

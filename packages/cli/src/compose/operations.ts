import type { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { rejectionAt } from "@millrace/engine/query/rejection";
import { JournalTail } from "@millrace/engine/query/journal-tail";
import { type CausedStep, History } from "@millrace/engine/query/history";
import { refuseWhileRebuilt } from "@millrace/engine/query/rebuild";
import type { Engine } from "@millrace/engine/runtime/engine";
import type {
  DeploymentInfo,
  DeploymentPage,
  DeploymentQuery,
  Health,
  HistoryStep,
  Operations,
  Receipt,
} from "@millrace/gateway/api/operations";
import type { Gateway } from "@millrace/gateway/main/gateway";
import { type InstanceRef, instanceId, logKey } from "@millrace/shared/contract/names";
import { newTrace, type Traceparent, traceIdOf } from "@millrace/shared/contract/trace";
import type { Tracer } from "@millrace/shared/ports/tracer";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { Deployment } from "@millrace/shared/flow/deployments";
import type { OperatorCommand, Signal } from "@millrace/shared/contract/event-record";
import type { JsonObject } from "@millrace/shared/contract/json";
import { isOperational } from "@millrace/shared/errors/operational";
import { randomName } from "@millrace/shared/ports/clock";
import type { InstancePage, InstanceQuery } from "@millrace/shared/ports/state-store";
import { flowOperationsOf } from "./flow-operations.ts";
import { migratePage } from "./migration.ts";
import type { Installation } from "./installation.ts";
import { redriven, searchRejections } from "./rejections.ts";
import { openTail, readCursor } from "./tail.ts";
import { traceOperationOf } from "./traces.ts";

type Said<T> = Omit<T, "v" | "w" | "n">;

/** The roles that run in this process. */
export interface Roles {
  gateway?: Gateway;
  engine?: Engine;
  dispatcher?: Dispatcher;
  /** The process was told to stop: it finishes what it has, and wants nothing new. */
  draining?: true;
}

/** Answers what people and programs ask, from the store, the journal and the registry. */
export function operationsOf(
  installation: Installation,
  roles: Roles,
  tracer?: Tracer,
): Operations {
  const { log, store, clock, catalogue, events } = installation;
  const history = new History({ log, store, clock });
  const tail = new JournalTail({ log, store, clock });
  const partitionFor = (ref: InstanceRef): number =>
    partitionOf(logKey(ref.ns, ref.key), log.partitions);
  /** Says something to one instance. */
  const say = async (
    header: Said<Signal> | Said<OperatorCommand>,
    payload: JsonObject,
    parent?: Traceparent,
  ): Promise<Receipt> => {
    const partition = partitionFor(header);
    const type = header.kind === "signal" ? header.type : header.action;
    const attributes = { "millrace.instance": instanceId(header), "millrace.effect.name": type };
    const root = tracer?.root("signal", parent, { attributes });
    const trace = root?.trace ?? parent ?? newTrace(() => clock.random());
    const record = {
      key: logKey(header.ns, header.key),
      header: JSON.stringify({ v: 1, ...header, ...events.stamp(), trace }),
      value: JSON.stringify(payload),
    };
    const { offset } = await events.write(partition, record, trace);
    root?.span?.end();
    return { id: header.id, partition, offset };
  };
  const instances = async (query: InstanceQuery): Promise<InstancePage> => {
    await refuseWhileRebuilt(installation, everywhere);
    return await store.instances(query);
  };
  const everywhere = Array.from({ length: log.partitions }, (_, partition) => partition);
  return {
    ...flowOperationsOf(installation),
    async instance(ref) {
      await refuseWhileRebuilt(installation, [partitionFor(ref)]);
      return await store.instance(partitionFor(ref), instanceId(ref));
    },
    instances,
    migrateFlow: (request) =>
      migratePage(
        {
          catalogue,
          instances,
          say({ ns, flow, key, version }, { version: to }) {
            const id = randomName(clock, "o");
            const where = { version };
            const { map, reason } = request;
            return say(
              { kind: "operator", ns, flow, key, action: "migrate", id, where },
              { to, map, ...(reason !== undefined && { reason }) },
            );
          },
        },
        request,
      ),
    async rejections(query) {
      await refuseWhileRebuilt(installation, everywhere);
      return await searchRejections(store, query);
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
    async rejection({ ns, partition, offset }) {
      if (partition >= log.partitions) return undefined;
      const found = await rejectionAt(log, partition, offset);
      return found?.ns === ns ? found : undefined;
    },
    async journal(cursor) {
      await refuseWhileRebuilt(installation, everywhere);
      const from =
        cursor === undefined ? await tail.bookmarks() : readCursor(cursor, log.partitions);
      await tail.refuseWhatIsCut(from);
      return { open: (take, ended) => openTail(tail, from, take, ended) };
    },
    trace: traceOperationOf(installation),
    signal: ({ ns, flow, key }, { type, payload, where, id = randomName(clock, "s"), trace }) =>
      say({ kind: "signal", ns, flow, key, type, id, ...(where && { where }) }, payload, trace),
    operate: ({ ns, flow, key }, { action, reason, where, id = randomName(clock, "o"), trace }) =>
      say(
        { kind: "operator", ns, flow, key, action, id, ...(where && { where }) },
        reason === undefined ? {} : { reason },
        trace,
      ),
    async redrive(place) {
      const record = await redriven(log, place);
      const { ns: _, partition, offset } = place;
      const header = JSON.stringify({ ...record.header, ...events.stamp() });
      const written = await events.write(partition, { ...record, header }, record.header.trace);
      return { id: `${partition}-${offset}`, partition, offset: written.offset };
    },
    canRedrive: (place) =>
      redriven(log, place).then(
        () => true,
        (error: unknown) => {
          if (isOperational(error, "API-001", "API-002", "LOG-006")) return false;
          throw error;
        },
      ),
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

function historyStep({ step, trace, caused }: CausedStep): HistoryStep {
  const { at, cause, from, effects, instance } = step;
  const traceId = traceIdOf(trace);
  return {
    seq: instance.seq,
    at,
    cause,
    ...caused,
    from,
    to: instance.state,
    effects: effects.map(({ verdict: _verdict, ...effect }) => effect),
    verdicts: effects.map(({ index, verdict }) => ({ effect: index, ...verdict })),
    ...(traceId !== undefined && { traceId }),
    context: instance.context,
  };
}

/** Ready means: every role of this process does its work. */
export function healthOf(
  { events }: Installation,
  { gateway, engine, dispatcher, draining }: Roles,
): Health {
  const reasons: string[] = [];
  if (draining === true) reasons.push("it was told to stop");
  const partitions = engine?.partitions() ?? [];
  for (const state of ["claiming", "failed"]) {
    const count = partitions.filter((one) => one.state === state).length;
    const what = state === "failed" ? "have stopped" : "are being claimed";
    if (count > 0) reasons.push(`${count} partitions ${what}`);
  }
  // All that read one log are behind together, and a gateway takes events all the same.
  if (gateway === undefined) {
    if (engine !== undefined && engine.behind > 0)
      reasons.push(`${engine.behind} partitions are behind`);
    if (dispatcher !== undefined && dispatcher.behind > 0)
      reasons.push(`${dispatcher.behind} partitions are dispatched with a delay`);
  }
  if (engine?.failure !== undefined) reasons.push(`the input cannot be read: ${engine.failure}`);
  if (dispatcher !== undefined && dispatcher.taking > 0)
    reasons.push(`${dispatcher.taking} partitions are being taken to be dispatched`);
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

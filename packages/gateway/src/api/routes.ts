import type { Instance } from "@millrace/shared/contract/instance";
import type { InstanceRef } from "@millrace/shared/contract/names";
import { outstanding } from "@millrace/shared/core/outstanding";
import * as z from "zod";
import type { JournalEvent, Operations } from "./operations.ts";
import { defined } from "./defined.ts";
import { flowRoutes } from "./flow-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { notFound } from "./problem.ts";
import { rejectedRoutes } from "./rejected-routes.ts";
import { type AnyRoute, lookUp, reading, route, type Sink, streamRoute, writing } from "./route.ts";
import {
  historyQuery,
  instancePath,
  instancesQuery,
  journalQuery,
  namedQuery,
  signalBody,
} from "./schemas.ts";
import * as shapes from "./shapes.ts";
import { traceRoutes } from "./trace-routes.ts";

/** Every operation of the API. */
export function routesOf(operations: Operations): readonly AnyRoute[] {
  return [
    ...flowRoutes(operations),
    ...instanceRoutes(operations),
    ...operatorRoutes(operations),
    ...rejectedRoutes(operations),
    ...journalRoutes(operations),
    ...traceRoutes(operations),
  ];
}

function instanceRoutes(operations: Operations): AnyRoute[] {
  const find = async (ref: InstanceRef): Promise<Instance> => {
    const instance = await operations.instance(ref);
    if (instance === undefined)
      throw notFound(`instance ${ref.flow}/${ref.key} in namespace ${ref.ns}`);
    return instance;
  };
  const first = { flow: "/items/0/flow", key: "/items/0/key" };
  return [
    route({
      method: "GET",
      path: "/instances",
      id: "listInstances",
      tag: "instances",
      summary: "Instances, by flow, state, thing and status",
      query: instancesQuery,
      answer: {
        status: 200,
        description: "a page, in the order of their ids",
        schema: shapes.pageOf(shapes.instance),
      },
      links: { getInstance: first, listSteps: first, signalInstance: first },
      problems: lookUp,
      async handle({ query: { namespace, ...query } }) {
        const { items, next } = await operations.instances({ ns: namespace, ...defined(query) });
        return { items: items.map(shownInstance), ...(next !== undefined && { next }) };
      },
    }),
    route({
      method: "GET",
      path: "/instances/{flow}/{key}",
      id: "getInstance",
      tag: "instances",
      summary: "One instance as it is now",
      params: instancePath,
      query: namedQuery,
      answer: { status: 200, description: "the instance", schema: shapes.instance },
      problems: lookUp,
      handle: async ({ params, query: { namespace: ns } }) =>
        shownInstance(await find({ ns, ...params })),
    }),
    streamRoute({
      path: "/instances/{flow}/{key}/live",
      id: "watchInstance",
      tag: "instances",
      summary: "One instance as it is now, and after each change",
      description:
        "Events `instance`. What changes faster than it can be shown is left out: the last one is how it stands.",
      params: instancePath,
      query: namedQuery,
      answer: { status: 200, description: "server-sent events", schema: shapes.instance },
      problems: reading,
      async stream({ params, query: { namespace: ns } }) {
        const ref = { ns, ...params };
        const first = await find(ref);
        const tail = await operations.journal(undefined);
        return {
          open(sink) {
            const show = new Latest((shown: object) =>
              sink.send({ event: "instance", data: shown }),
            );
            show.set(shownInstance(first));
            const close = tail.open(
              (events) => {
                const last = events.findLast((event) => isOf(event, ref))?.instance;
                if (last !== undefined) show.set(shownInstance(last));
              },
              () => sink.end(),
            );
            return () => {
              show.stop();
              close();
            };
          },
        };
      },
    }),
    route({
      method: "GET",
      path: "/instances/{flow}/{key}/history",
      id: "listSteps",
      tag: "instances",
      summary: "The steps of an instance, from the journal",
      params: instancePath,
      query: historyQuery,
      answer: {
        status: 200,
        description: "a page, the newest first",
        schema: z.object({
          steps: z.array(shapes.step),
          next: z.int().optional().meta({ description: "the cursor of the next page" }),
        }),
      },
      problems: [...reading, "LOG-006"],
      async handle({ params, query: { namespace, cursor, limit } }) {
        const instance = await find({ ns: namespace, ...params });
        return await operations.history(instance, {
          limit,
          ...(cursor !== undefined && { beforeSeq: cursor }),
        });
      },
    }),
    route({
      method: "POST",
      path: "/instances/{flow}/{key}/signals",
      id: "signalInstance",
      tag: "instances",
      summary: "Send an event to an instance",
      params: instancePath,
      query: namedQuery,
      body: signalBody,
      answer: { status: 202, description: "the log has it", schema: shapes.receipt },
      problems: writing,
      async handle({ params, query: { namespace }, body, traceparent: trace }) {
        const instance = await find({ ns: namespace, ...params });
        return await operations.signal(instance, { ...body, trace });
      },
    }),
  ];
}

function journalRoutes(operations: Operations): AnyRoute[] {
  return [
    streamRoute({
      path: "/journal",
      id: "tailJournal",
      tag: "journal",
      summary: "Steps and rejections as they are journalled, from now on",
      description:
        "Events `step` and `rejected`. A client that was cut off goes on behind the `Last-Event-ID` that it sends.",
      query: journalQuery,
      answer: { status: 200, description: "server-sent events", schema: shapes.journalEvent },
      problems: reading,
      async stream({ query: { namespace: ns, cursor, ...filter }, lastEventId }) {
        const tail = await operations.journal(lastEventId ?? cursor);
        const wanted = (event: JournalEvent): boolean =>
          event.namespace === ns &&
          (filter.flow === undefined || event.flow === filter.flow) &&
          (filter.key === undefined || event.key === filter.key) &&
          (filter.kind === undefined || event.kind === filter.kind);
        return {
          open: (sink) =>
            tail.open(
              (events, next) => sendAll(sink, events.filter(wanted), next),
              () => sink.end(),
            ),
        };
      },
    }),
  ];
}

/** The last of them carries the cursor: a client that misses some of them gets all of them again. */
function sendAll(sink: Sink, events: readonly JournalEvent[], next: string): void {
  for (const [i, { instance: _, ...data }] of events.entries()) {
    sink.send({ ...(i === events.length - 1 && { id: next }), event: data.kind, data });
  }
}

function isOf(event: JournalEvent, { ns, flow, key }: InstanceRef): boolean {
  return event.namespace === ns && event.flow === flow && event.key === key;
}

/** How often a watcher is shown a thing that changes, at most. */
const SHOW_MS = 100;

/** Shows the latest of what is set, and not more often than people can see. */
class Latest<T> {
  readonly #show: (value: T) => void;
  #waiting: { readonly value: T } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(show: (value: T) => void) {
    this.#show = show;
  }

  set(value: T): void {
    this.#waiting = { value };
    if (this.#timer === undefined) this.#next();
  }

  #next(): void {
    const { value } = this.#waiting ?? {};
    if (value === undefined) {
      this.#timer = undefined;
      return;
    }
    this.#waiting = undefined;
    this.#show(value);
    this.#timer = setTimeout(() => this.#next(), SHOW_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function shownInstance(instance: Instance): object {
  const { ns, timers = [], owed: _owed, in: _in, ids: _ids, ...shown } = instance;
  return {
    namespace: ns,
    ...shown,
    timers,
    owed: outstanding(instance).map(({ id, owed: { parked, ...owed } }) => ({
      id,
      ...owed,
      parked: parked !== undefined,
    })),
  };
}

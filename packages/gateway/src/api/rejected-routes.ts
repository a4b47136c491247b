import { traceIdOf } from "@millrace/shared/contract/trace";
import type { PlacedRejection } from "@millrace/shared/ports/state-store";
import { COUNTED_PAGE, holdTo } from "./bulk.ts";
import { defined } from "./defined.ts";
import type { Operations, RejectionPlace, RejectionSearch } from "./operations.ts";
import { notFound } from "./problem.ts";
import { type AnyRoute, lookUp, reading, route, writing } from "./route.ts";
import { bulkRedriveBody, namedQuery, rejectedPath, rejectedQuery } from "./schemas.ts";
import * as shapes from "./shapes.ts";

/** Inputs that could not be taken: looked at, and given again. */
export function rejectedRoutes(operations: Operations): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/rejected",
      id: "listRejected",
      tag: "rejected",
      summary: "Inputs that could not be taken",
      query: rejectedQuery,
      answer: {
        status: 200,
        description: "a page, the newest first",
        schema: shapes.pageOf(shapes.rejection),
      },
      links: { getRejected: { id: "/items/0/id" } },
      problems: lookUp,
      async handle({ query: { namespace, ...query } }) {
        const { items, next } = await operations.rejections({ ns: namespace, ...defined(query) });
        return { items: items.map(shownRejection), ...(next !== undefined && { next }) };
      },
    }),
    route({
      method: "GET",
      path: "/rejected/{id}",
      id: "getRejected",
      tag: "rejected",
      summary: "One rejected input, with its payload as it came",
      params: rejectedPath,
      query: namedQuery,
      answer: { status: 200, description: "the rejected input", schema: shapes.rejection },
      problems: reading,
      async handle({ params: { id }, query: { namespace } }) {
        const found = await operations.rejection(placeOf(id, namespace));
        if (found === undefined) throw notFound(`rejected input ${id} in namespace ${namespace}`);
        return shownRejection(found);
      },
    }),
    route({
      method: "POST",
      path: "/rejected/{id}/redrive",
      id: "redriveRejected",
      tag: "rejected",
      summary: "Give one rejected input again, as it came, to the flow that could not take it",
      description:
        "With the trace that it had. An instance takes it once, however often it is given again, for as long as it remembers the ids of its events.",
      params: rejectedPath,
      query: namedQuery,
      answer: { status: 202, description: "the log has it", schema: shapes.receipt },
      problems: [...writing, "LOG-006"],
      handle: ({ params: { id }, query: { namespace } }) =>
        operations.redrive(placeOf(id, namespace)),
    }),
    route({
      method: "POST",
      path: "/bulk/redrive",
      id: "redriveMany",
      tag: "rejected",
      summary: "Give many rejected inputs again, a page at a time",
      description:
        "With `preview` they are counted only. Where there are more than `max` from this page on, nothing of it is done. What cannot be given again (timers, and what the log no longer has) is passed over.",
      body: bulkRedriveBody,
      answer: {
        status: 202,
        description: "the log has those of this page",
        schema: shapes.bulkPage,
      },
      problems: writing,
      async handle({ body: { namespace: ns, preview, max, all: _all, cursor, limit, ...filter } }) {
        const search = { ns, ...defined(filter) };
        const { places, ...page } = await redrivable(operations, {
          ...search,
          ...defined({ cursor, limit }),
        });
        if (preview) return page;
        await holdTo(max, page, (next) =>
          redrivable(operations, { ...search, cursor: next, limit: COUNTED_PAGE }),
        );
        for (const place of places) await operations.redrive(place);
        return page;
      },
    }),
  ];
}

/** Those of a page that can be given again. */
async function redrivable(operations: Operations, search: RejectionSearch) {
  const { items, next } = await operations.rejections(search);
  const places: RejectionPlace[] = [];
  for (const { partition, offset } of items) {
    const place = { ns: search.ns, partition, offset };
    if (await operations.canRedrive(place)) places.push(place);
  }
  return { places, count: places.length, ...(next !== undefined && { next }) };
}

function placeOf(id: string, ns: string): RejectionPlace {
  const [partition = 0, offset = 0] = id.split("-").map(Number);
  return { ns, partition, offset };
}

function shownRejection({ partition, offset, json, trace }: PlacedRejection): object {
  const { ns, ...rejected } = JSON.parse(json) as { ns: string };
  const traceId = traceIdOf(trace);
  const shown = { id: `${partition}-${offset}`, namespace: ns, partition, offset, ...rejected };
  return { ...shown, ...(traceId !== undefined && { traceId }) };
}

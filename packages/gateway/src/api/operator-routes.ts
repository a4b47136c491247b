import { type OperatorAction, operatorActions } from "@millrace/shared/contract/event-record";
import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import type { InstanceQuery } from "@millrace/shared/ports/state-store";
import type * as z from "zod";
import { COUNTED_PAGE, holdTo } from "./bulk.ts";
import { defined } from "./defined.ts";
import type { Operations } from "./operations.ts";
import { notFound } from "./problem.ts";
import { type AnyRoute, route, writing } from "./route.ts";
import { bulkOperateBody, instancePath, namedQuery, operateBody } from "./schemas.ts";
import * as shapes from "./shapes.ts";

const summaries: Readonly<Record<OperatorAction, string>> = {
  pause: "Pause an instance: its timers stand still, and what comes for it is rejected",
  resume: "Resume an instance: timers that came due meanwhile fire",
  cancel: "End an instance; its machine does not hear of it, and what it owes is dropped",
};

/** What operators do with instances: one, or many. */
export function operatorRoutes(operations: Operations): AnyRoute[] {
  return [
    ...operatorActions.map((action) =>
      route({
        method: "POST",
        path: `/instances/{flow}/{key}/${action}`,
        id: `${action}Instance`,
        tag: "instances",
        summary: summaries[action],
        params: instancePath,
        query: namedQuery,
        body: operateBody,
        answer: { status: 202, description: "the log has it", schema: shapes.receipt },
        problems: writing,
        async handle({
          params: { flow, key },
          query: { namespace: ns },
          body,
          traceparent: trace,
        }) {
          const ref = { ns, flow, key };
          if ((await operations.instance(ref)) === undefined)
            throw notFound(`instance ${flow}/${key} in namespace ${ns}`);
          return await operations.operate(ref, { action, ...body, trace });
        },
      }),
    ),
    route({
      method: "POST",
      path: "/bulk/instances",
      id: "operateMany",
      tag: "instances",
      summary: "Pause, resume, cancel or signal many instances, a page at a time",
      description:
        "With `preview` they are counted only. Where there are more than `max` from this page on, nothing of it is done. Each instance looks again whether `state` and `status` are still so when it takes it.",
      body: bulkOperateBody,
      answer: {
        status: 202,
        description: "the log has those of this page",
        schema: shapes.bulkPage,
      },
      problems: writing,
      handle: ({ body }) => operateMany(operations, body),
    }),
  ];
}

async function operateMany(operations: Operations, body: z.infer<typeof bulkOperateBody>) {
  const { namespace: ns, flow, state, thing, status, cursor, limit, max, preview } = body;
  const filter = defined({ ns, flow, state, thing, status });
  const pageOf = async (at: Pick<InstanceQuery, "cursor" | "limit">) => {
    const { items, next } = await operations.instances({ ...filter, ...at });
    const wanted = items.filter((instance) => applies(body.action, instance));
    return { wanted, count: wanted.length, ...(next !== undefined && { next }) };
  };
  const { wanted, ...page } = await pageOf(defined({ cursor, limit }));
  if (preview) return page;
  await holdTo(max, page, (next) => pageOf({ cursor: next, limit: COUNTED_PAGE }));
  const where = defined({ state, status });
  await Promise.all(
    wanted.map((instance) => {
      if (body.action !== "signal") {
        const { action, reason } = body;
        return operations.operate(instance, { action, reason, where });
      }
      const { type, payload } = body;
      return operations.signal(instance, { type, payload, where });
    }),
  );
  return page;
}

function applies(action: OperatorAction | "signal", instance: Instance): boolean {
  if (action === "cancel") return !isEnded(instance);
  return instance.status === (action === "resume" ? "paused" : "running");
}

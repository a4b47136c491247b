import { type OperatorAction, operatorActions } from "@millrace/shared/contract/event-record";
import { type Instance, isEnded } from "@millrace/shared/contract/instance";
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
      summary: "Pause, resume or cancel many instances, a page at a time",
      description:
        "With `preview` they are counted only. Each instance looks again whether `state` and `status` are still so when it takes it.",
      body: bulkOperateBody,
      answer: {
        status: 202,
        description: "the log has those of this page",
        schema: shapes.bulkPage,
      },
      problems: writing,
      async handle({ body: { namespace: ns, preview, action, reason, ...filter } }) {
        const { items, next } = await operations.instances({ ns, ...defined(filter) });
        const wanted = items.filter((instance) => applies(action, instance));
        const { state, status } = filter;
        const where = defined({ state, status });
        if (!preview) {
          await Promise.all(
            wanted.map((instance) => operations.operate(instance, { action, reason, where })),
          );
        }
        return { count: wanted.length, ...(next !== undefined && { next }) };
      },
    }),
  ];
}

function applies(action: OperatorAction, instance: Instance): boolean {
  if (action === "cancel") return !isEnded(instance);
  return instance.status === (action === "pause" ? "running" : "paused");
}

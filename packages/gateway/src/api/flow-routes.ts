import * as z from "zod";
import { defined } from "./defined.ts";
import type { Operations } from "./operations.ts";
import { notFound } from "./problem.ts";
import { type AnyRoute, route, writing } from "./route.ts";
import {
  deploymentPath,
  deploymentsQuery,
  flowPath,
  flowVersionPath,
  migrateBody,
  namedQuery,
  publishBody,
} from "./schemas.ts";
import * as shapes from "./shapes.ts";

/** What flows there are, and how they come and go. */
export function flowRoutes(operations: Operations): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/flows",
      id: "listFlows",
      tag: "flows",
      summary: "Flows that the registry has",
      query: z.strictObject({}),
      answer: { status: 200, description: "all of them", schema: shapes.pageOf(shapes.flow) },
      links: { getFlow: { name: "/items/0/name" }, retireFlow: { name: "/items/0/name" } },
      handle: () => ({ items: operations.flows() }),
    }),
    route({
      method: "POST",
      path: "/flows",
      id: "publishFlows",
      tag: "flows",
      summary: "Publish the flows of a text, if all of it is good",
      description:
        "New instances begin with them as soon as the answer is there; running ones keep the version that they have. A flow that comes from a folder is changed there.",
      body: publishBody,
      answer: {
        status: 200,
        description: "the log has them",
        schema: shapes.pageOf(shapes.publishedFlow),
      },
      problems: ["FLOW-002", "FLOW-003", "LOG-001", "LOG-002"],
      handle: async ({ body: { text, file } }) => ({
        items: await operations.publishFlows(text, file),
      }),
    }),
    route({
      method: "GET",
      path: "/flows/{name}",
      id: "getFlow",
      tag: "flows",
      summary: "One flow: its file as it is in force, and all versions there are",
      params: flowPath,
      query: namedQuery,
      answer: { status: 200, description: "the flow", schema: shapes.flowDetail },
      handle({ params: { name }, query: { namespace } }) {
        const found = operations.flow(namespace, name);
        if (found === undefined) throw notFound(`flow ${name} in namespace ${namespace}`);
        return found;
      },
    }),
    route({
      method: "GET",
      path: "/flows/{name}/versions/{version}",
      id: "getFlowVersion",
      tag: "flows",
      summary: "One version of a flow: its file",
      params: flowVersionPath,
      query: namedQuery,
      answer: { status: 200, description: "the version", schema: shapes.flowVersion },
      handle({ params: { name, version }, query: { namespace } }) {
        const found = operations.flowVersion(namespace, name, version);
        if (found === undefined)
          throw notFound(`version ${version} of flow ${name} in namespace ${namespace}`);
        return found;
      },
    }),
    route({
      method: "POST",
      path: "/flows/{name}/retire",
      id: "retireFlow",
      tag: "flows",
      summary: "Let no new instances of a flow begin; running ones go on",
      params: flowPath,
      query: namedQuery,
      answer: { status: 200, description: "the log has it", schema: shapes.flow },
      problems: ["FLOW-003", "LOG-001", "LOG-002"],
      async handle({ params: { name }, query: { namespace } }) {
        const retired = await operations.retireFlow(namespace, name);
        if (retired === undefined) throw notFound(`flow ${name} in namespace ${namespace}`);
        return retired;
      },
    }),
    route({
      method: "POST",
      path: "/flows/{name}/migrate",
      id: "migrateFlow",
      tag: "flows",
      summary: "Move running instances to another version, a page at a time",
      description:
        "With `preview` they are counted only, by their states. Where there are more than `max` from this page on, nothing of it is done. Each instance looks again, when it takes it, whether it still runs `from`, and stays as it is where `to` has no such state.",
      params: flowPath,
      body: migrateBody,
      answer: {
        status: 202,
        description: "the log has what is wanted of those of this page",
        schema: shapes.migrationPage,
      },
      problems: writing,
      handle: async ({
        params: { name },
        body: { namespace: ns, preview, map, limit, max, ...rest },
      }) => await operations.migrateFlow({ ns, name, preview, map, limit, max, ...defined(rest) }),
    }),
    route({
      method: "GET",
      path: "/deployments",
      id: "listDeployments",
      tag: "flows",
      summary: "Deployments: flows bound to things by roles",
      query: deploymentsQuery,
      answer: {
        status: 200,
        description: "a page, in the order of their names",
        schema: shapes.pageOf(shapes.deployment),
      },
      links: { getDeployment: { name: "/items/0/name" } },
      handle: ({ query: { namespace, ...query } }) =>
        operations.deployments({ ns: namespace, ...defined(query) }),
    }),
    route({
      method: "GET",
      path: "/deployments/{name}",
      id: "getDeployment",
      tag: "flows",
      summary: "One deployment",
      params: deploymentPath,
      query: namedQuery,
      answer: { status: 200, description: "the deployment", schema: shapes.deployment },
      handle({ params: { name }, query: { namespace } }) {
        const deployment = operations.deployment(namespace, name);
        if (deployment === undefined)
          throw notFound(`deployment ${name} in namespace ${namespace}`);
        return deployment;
      },
    }),
  ];
}

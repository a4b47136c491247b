import type { ErrorCode } from "@millrace/shared/errors/catalogue";
import * as z from "zod";
import { PROBLEM_JSON, statusOf } from "./problem.ts";
import { type AnyRoute, isStream } from "./route.ts";
import { problem } from "./shapes.ts";

type JsonSchema = Record<string, unknown>;

/** The document of the API (OpenAPI 3.1), made from what the routes check and answer. */
export function openApiOf(routes: readonly AnyRoute[]): object {
  const components: Record<string, JsonSchema> = {};
  const schemaOf = (type: z.ZodType, io: "input" | "output"): JsonSchema => {
    const { $schema: _, $defs, ...schema } = z.toJSONSchema(type, { io, unrepresentable: "any" });
    for (const [name, one] of Object.entries($defs ?? {})) {
      components[name] ??= referring(one) as JsonSchema;
    }
    return referring(schema) as JsonSchema;
  };
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `/v1${route.path}`;
    const method = isStream(route) ? "get" : route.method.toLowerCase();
    paths[path] = { ...paths[path], [method]: operationOf(route, schemaOf) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Millrace",
      version: "1",
      description:
        "What people and programs ask of a Millrace installation. Errors are problems (RFC 9457) with a code; docs/errors has a page for each.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    security: [{}, { token: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "MILLRACE_TOKEN, where the installation has one",
        },
      },
    },
  };
}

type SchemaOf = (type: z.ZodType, io: "input" | "output") => JsonSchema;

function operationOf(route: AnyRoute, schemaOf: SchemaOf): object {
  const { params, query, answer } = route;
  const body = isStream(route) ? undefined : route.body;
  const parameters = [
    ...parametersIn("path", params, schemaOf),
    ...parametersIn("query", query, schemaOf),
  ];
  const isTagged = !isStream(route) && route.method === "GET";
  const media = isStream(route) ? "text/event-stream" : "application/json";
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: !body.safeParse({}).success,
        content: { "application/json": { schema: schemaOf(body, "input") } },
      },
    }),
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(isTagged && { headers: { ETag: { schema: { type: "string" } } } }),
        content: { [media]: { schema: schemaOf(answer.schema, "output") } },
        ...(route.links !== undefined && { links: linksOf(route.links) }),
      },
      ...(isTagged && { 304: { description: "what `If-None-Match` has a tag of is still so" } }),
      ...problemsOf(route, schemaOf),
    },
  };
}

function linksOf(links: NonNullable<AnyRoute["links"]>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(links).map(([operationId, pointers]) => {
      const parameters = Object.entries(pointers).map(([name, pointer]) => [
        `path.${name}`,
        `$response.body#${pointer}`,
      ]);
      return [operationId, { operationId, parameters: Object.fromEntries(parameters) as object }];
    }),
  );
}

function parametersIn(
  place: "path" | "query",
  type: z.ZodType | undefined,
  schemaOf: SchemaOf,
): object[] {
  if (type === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(type, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

/** What an operation may answer instead, by status. */
function problemsOf(route: AnyRoute, schemaOf: SchemaOf): Record<string, object> {
  const codes: ErrorCode[] = [
    "API-002",
    "API-003",
    "API-004",
    ...(route.params === undefined ? [] : (["API-001"] as const)),
    ...(route.problems ?? []),
  ];
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = statusOf(code);
    statuses.set(status, [...(statuses.get(status) ?? []), code]);
  }
  const mayHaveBody = !isStream(route) && route.method === "POST"; // an empty one, if it takes none
  if (mayHaveBody) for (const status of [413, 415]) statuses.set(status, ["API-002"]);
  const schema = schemaOf(z.object({ problem }), "output");
  const [inner] = Object.values((schema["properties"] ?? {}) as Record<string, JsonSchema>);
  return Object.fromEntries(
    [...statuses].map(([status, all]) => [
      status,
      { description: all.join(", "), content: { [PROBLEM_JSON]: { schema: inner } } },
    ]),
  );
}

/** A schema whose references lead into the document. */
function referring(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(referring);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === "$ref" && typeof value === "string"
        ? value.replace("#/$defs/", "#/components/schemas/")
        : referring(value),
    ]),
  );
}

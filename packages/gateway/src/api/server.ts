import { NAME_BYTES_MAX } from "@millrace/shared/contract/names";
import { isTraceparent, type Traceparent } from "@millrace/shared/contract/trace";
import { listenError } from "@millrace/shared/errors/listen-error";
import { messageOf, OperationalError } from "@millrace/shared/errors/operational";
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import * as z from "zod";
import { isSameSecret } from "../admit/same-secret.ts";
import { tagAnswers } from "./entity-tags.ts";
import { serveEvents } from "./event-stream.ts";
import { openApiOf } from "./openapi.ts";
import type { Operations } from "./operations.ts";
import { invalid, notFound, PROBLEM_JSON, problemOf } from "./problem.ts";
import { isStream, type Route, type StreamRoute } from "./route.ts";
import { routesOf } from "./routes.ts";

export interface ApiOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The bearer token that `/v1` asks for; none on loopback, where nobody is asked. */
  readonly token: string | undefined;
  readonly operations: Operations;
  /** The metrics of the process, as Prometheus reads them. */
  readonly metrics: () => Promise<string>;
  /** Told of an answer that was our fault. */
  readonly onFault: (path: string, why: string, trace?: Traceparent) => void;
}

export interface ApiServer {
  readonly port: number;
  close(): Promise<void>;
}

export const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";
const BODY_BYTES_MAX = 256 * 1024;

/**
 * Serves the HTTP API.
 *
 * @throws OperationalError START-001 when the port is in use
 */
export async function startApi(options: ApiOptions): Promise<ApiServer> {
  const { host, port } = options;
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: NAME_BYTES_MAX },
    // A path that it cannot take apart; the handler of errors is not asked about it.
    frameworkErrors: (error, _request, reply) => {
      void answer(reply, invalid("path", error.message));
    },
  });
  app.removeContentTypeParser("text/plain"); // a body is JSON
  answerInProblems(app, options);
  serveHealth(app, options.operations);
  serveMetrics(app, options);
  await app.register(async (v1) => serveV1(v1, options), { prefix: "/v1" });
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, {
      host,
      port,
      setting: "MILLRACE_HTTP_PORT",
    });
  }
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => app.close(),
  };
}

function answerInProblems(app: FastifyInstance, { onFault }: ApiOptions): void {
  app.setErrorHandler((error, request, reply) => {
    const wrong = wrongRequest(error);
    if (wrong !== undefined) return answer(reply, wrong, (error as FastifyError).statusCode);
    if (!(error instanceof OperationalError))
      onFault(request.url, messageOf(error), traceparentOf(request));
    return answer(reply, error);
  });
  app.setNotFoundHandler((request) => {
    throw notFound(`${request.method} ${request.url.split("?")[0]}`);
  });
}

function answer(reply: FastifyReply, error: unknown, status?: number): FastifyReply {
  const problem = problemOf(error, status);
  if (problem.status === 401) void reply.header("www-authenticate", "Bearer"); // RFC 9110, 11.6.1
  return reply.code(problem.status).type(PROBLEM_JSON).send(problem);
}

/** What fastify itself refuses: a body that is no JSON (400, 415), or too large (413). */
function wrongRequest(error: unknown): OperationalError | undefined {
  const { statusCode, message } = error as Partial<FastifyError>;
  if (error instanceof OperationalError || statusCode === undefined || statusCode >= 500)
    return undefined;
  return invalid("body", message ?? "not valid");
}

function serveHealth(app: FastifyInstance, operations: Operations): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { ready, reasons, facts } = await operations.health();
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? "ready" : "not ready", reasons, ...facts });
  });
}

/** Metrics name partitions and say how much there is: whoever may not ask `/v1` may not see them. */
function serveMetrics(app: FastifyInstance, { metrics, token }: ApiOptions): void {
  app.get("/metrics", async (request, reply) => {
    if (token !== undefined) refuseStrangers(request, token);
    return reply.type(PROMETHEUS_TEXT).send(await metrics());
  });
}

async function serveV1(v1: FastifyInstance, { operations, token }: ApiOptions): Promise<void> {
  if (token !== undefined)
    v1.addHook("onRequest", async (request) => refuseStrangers(request, token));
  tagAnswers(v1);
  const routes = routesOf(operations);
  for (const route of routes) {
    const url = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    if (isStream(route)) v1.get(url, (request, reply) => stream(route, request, reply));
    else
      v1.route({
        method: route.method,
        url,
        handler: (request, reply) => answerOf(route, request, reply),
      });
  }
  const document = openApiOf(routes);
  v1.get("/openapi.json", async (request) => {
    parse(nothing, request.query);
    return document;
  });
}

/** What a route takes that names no parameters, or no members: what it would not look at is refused. */
const nothing = z.strictObject({});

async function answerOf(route: Route, request: FastifyRequest, reply: FastifyReply) {
  const asked = {
    query: parse(route.query ?? nothing, request.query),
    params: parse(route.params, request.params),
    // No body is an empty one; `null` is one of the wrong type.
    body: parse(route.body ?? nothing, request.body === undefined ? {} : request.body),
    traceparent: traceparentOf(request),
  };
  return reply.code(route.answer.status).send(await route.handle(asked));
}

function traceparentOf({ headers }: FastifyRequest): string | undefined {
  const given = headers["traceparent"];
  return typeof given === "string" && isTraceparent(given) ? given : undefined;
}

async function stream(route: StreamRoute, request: FastifyRequest, reply: FastifyReply) {
  const lastEventId = request.headers["last-event-id"];
  const source = await route.stream({
    query: parse(route.query ?? nothing, request.query),
    params: parse(route.params, request.params),
    body: undefined,
    ...(typeof lastEventId === "string" && { lastEventId }),
  });
  serveEvents(reply, source);
}

function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknown].join(".");
  throw invalid(field || "request", issue?.message ?? "not valid");
}

function refuseStrangers(request: FastifyRequest, token: string): void {
  if (isSameSecret(request.headers.authorization ?? "", `Bearer ${token}`)) return;
  throw new OperationalError("API-003", {}, "send `authorization: Bearer …` with MILLRACE_TOKEN");
}

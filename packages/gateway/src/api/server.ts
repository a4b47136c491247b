import type { Instance } from "@millrace/shared/contract/instance";
import { NAME_BYTES_MAX } from "@millrace/shared/contract/names";
import { isTraceparent } from "@millrace/shared/contract/trace";
import { outstanding } from "@millrace/shared/core/outstanding";
import { listenError } from "@millrace/shared/errors/listen-error";
import { messageOf, OperationalError } from "@millrace/shared/errors/operational";
import type { PlacedRejection } from "@millrace/shared/ports/state-store";
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import type * as z from "zod";
import { isSameSecret } from "../admit/same-secret.ts";
import type { Operations } from "./operations.ts";
import { invalid, notFound, PROBLEM_JSON, problemOf } from "./problem.ts";
import {
  deploymentPath,
  deploymentsQuery,
  historyQuery,
  instancePath,
  instancesQuery,
  namedQuery,
  rejectedQuery,
  signalBody,
  tracePath,
  traceQuery,
} from "./schemas.ts";

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
  readonly onFault: (path: string, why: string) => void;
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
    if (!(error instanceof OperationalError)) onFault(request.url, messageOf(error));
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

  v1.get("/flows", async () => ({ items: operations.flows() }));

  v1.get("/deployments", async (request) => {
    const { namespace, ...query } = parse(deploymentsQuery, request.query);
    return operations.deployments({ ns: namespace, ...defined(query) });
  });

  v1.get("/deployments/:name", async (request) => {
    const { namespace } = parse(namedQuery, request.query);
    const { name } = parse(deploymentPath, request.params);
    const deployment = operations.deployment(namespace, name);
    if (deployment === undefined) throw notFound(`deployment ${name} in namespace ${namespace}`);
    return deployment;
  });

  v1.get("/instances", async (request) => {
    const { namespace, ...query } = parse(instancesQuery, request.query);
    const page = await operations.instances({ ns: namespace, ...defined(query) });
    return {
      items: page.items.map(shownInstance),
      ...(page.next !== undefined && { next: page.next }),
    };
  });

  v1.get("/instances/:flow/:key", async (request) => {
    const { namespace } = parse(namedQuery, request.query);
    return shownInstance(await find(operations, request, namespace));
  });

  v1.get("/instances/:flow/:key/history", async (request) => {
    const { namespace, cursor, limit } = parse(historyQuery, request.query);
    const instance = await find(operations, request, namespace);
    return await operations.history(instance, {
      limit,
      ...(cursor !== undefined && { beforeSeq: cursor }),
    });
  });

  v1.post("/instances/:flow/:key/signals", async (request, reply) => {
    const { namespace } = parse(namedQuery, request.query);
    const signal = parse(signalBody, request.body ?? {});
    const instance = await find(operations, request, namespace);
    const given = request.headers["traceparent"];
    const trace = typeof given === "string" && isTraceparent(given) ? given : undefined;
    return reply.code(202).send(await operations.signal(instance, { ...signal, trace }));
  });

  v1.get("/traces/:id", async (request) => {
    const { namespace, since, cursor } = parse(traceQuery, request.query);
    const { id } = parse(tracePath, request.params);
    const query = { ns: namespace, id, sinceMs: since };
    return await operations.trace({ ...query, ...(cursor !== undefined && { from: cursor }) });
  });

  v1.get("/rejected", async (request) => {
    const { namespace, ...query } = parse(rejectedQuery, request.query);
    const page = await operations.rejections({ ns: namespace, ...defined(query) });
    return {
      items: page.items.map(shownRejection),
      ...(page.next !== undefined && { next: page.next }),
    };
  });
}

async function find(
  operations: Operations,
  request: FastifyRequest,
  ns: string,
): Promise<Instance> {
  const { flow, key } = parse(instancePath, request.params);
  const instance = await operations.instance({ ns, flow, key });
  if (instance === undefined) throw notFound(`instance ${flow}/${key} in namespace ${ns}`);
  return instance;
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

function shownRejection({ partition, offset, json }: PlacedRejection): object {
  const { ns, ...rejected } = JSON.parse(json) as { ns: string };
  return { id: `${partition}-${offset}`, namespace: ns, partition, offset, ...rejected };
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknown].join(".");
  throw invalid(field || "request", issue?.message ?? "not valid");
}

/** Without the members that are undefined: a look-up tells them from those that were not given. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function refuseStrangers(request: FastifyRequest, token: string): void {
  if (isSameSecret(request.headers.authorization ?? "", `Bearer ${token}`)) return;
  throw new OperationalError("API-003", {}, "send `authorization: Bearer …` with MILLRACE_TOKEN");
}

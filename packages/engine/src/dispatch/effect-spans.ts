import type {
  CallEffect,
  CommandEffect,
  PublishEffect,
  SendEffect,
} from "@millrace/shared/contract/effect";
import { instanceId, type InstanceRef } from "@millrace/shared/contract/names";
import type { Traceparent } from "@millrace/shared/contract/trace";
import type { HttpRequest } from "@millrace/shared/ports/http-client";
import type { Span, SpanAttributes, Tracer } from "@millrace/shared/ports/tracer";

/** What is recorded of effects. Texts that may hold a secret, as the URL of a call, are in none of it. */

interface TracedEffect {
  /** What comes of the effect is a part of. */
  readonly trace: Traceparent | undefined;
  readonly span: Span | undefined;
}

/** @param parent the trace of its step, or, of one that was put aside, its own */
export function beginEffect(
  tracer: Tracer | undefined,
  effect: CommandEffect | CallEffect | SendEffect | PublishEffect,
  parent: Traceparent | undefined,
  { id, to }: { readonly id: string; readonly to: InstanceRef },
): TracedEffect {
  if (tracer === undefined) return { trace: parent, span: undefined };
  const name = effect.kind === "publish" ? "emit" : effect.kind;
  const attributes = {
    "millrace.effect.id": id,
    "millrace.instance": instanceId(to),
    ...attributesOf(effect),
  };
  const span = tracer.begin(name, parent, { attributes });
  return { trace: span?.trace ?? parent, span };
}

function attributesOf(
  effect: CommandEffect | CallEffect | SendEffect | PublishEffect,
): SpanAttributes {
  switch (effect.kind) {
    case "command":
      return {
        "messaging.system": "mqtt",
        "messaging.destination.name": effect.topic,
        "millrace.effect.name": effect.name,
      };
    case "call":
      return { "millrace.effect.name": effect.name, "http.request.method": effect.method };
    case "send": {
      const { flow, key, type } = effect;
      return { "millrace.effect.name": type, "millrace.send.flow": flow, "millrace.send.key": key };
    }
    case "publish":
      return { "messaging.destination.name": effect.topic, "millrace.effect.name": effect.type };
  }
}

type Request = Pick<HttpRequest, "method" | "url" | "headers" | "body">;

/**
 * One request of a call.
 * @param host as it may be told
 * @param attempt from 1 on
 */
export function beginRequest(
  tracer: Tracer | undefined,
  parent: Traceparent | undefined,
  { method, url }: Request,
  host: string,
  attempt: number,
): Span | undefined {
  if (tracer === undefined) return undefined;
  const attributes = {
    "http.request.method": method,
    "server.address": host,
    "url.scheme": url.protocol.slice(0, -1),
    ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
  };
  return tracer.begin("request", parent, { attributes });
}

/** Who is called goes on with the request, unless the flow says with what. */
export function tracedRequest(
  request: Request,
  parent: Traceparent | undefined,
  span: Span | undefined,
): Request {
  if (span === undefined || request.headers["traceparent"] !== parent) return request;
  return { ...request, headers: { ...request.headers, traceparent: span.trace } };
}

export function endRequest(
  span: Span | undefined,
  came: { readonly status?: number; readonly reason?: string },
): void {
  if (span === undefined) return;
  const { status, reason } = came;
  const failed = reason ?? (status !== undefined && status >= 400 ? String(status) : undefined);
  span.end({
    attributes: {
      ...(status !== undefined && { "http.response.status_code": status }),
      ...(failed !== undefined && { "error.type": failed }),
    },
    ...(failed !== undefined && { error: failed }),
  });
}

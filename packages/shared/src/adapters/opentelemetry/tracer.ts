import {
  type Attributes,
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span as OtelSpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace as traces,
  TraceFlags,
  type Tracer as OtelTracer,
} from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type Sampler,
  type SpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { type Traceparent, traceParts } from "../../contract/trace.ts";
import type { Root, Span, SpanStart, Tracer } from "../../ports/tracer.ts";
import { type SpanName, spans } from "../../telemetry/spans.ts";

/** How long spans are gathered before they are sent. */
const SEND_MS = 1_000;
/** Between two looks at the wall clock, whose time may be set while we carry on by the monotonic one. */
const ANCHOR_MS = 60_000;

/**
 * Records spans by OpenTelemetry's SDK. Whether a trace is sampled is asked of the sampler at its root
 * alone: after that its flag says so.
 */
export class SdkTracer implements Tracer {
  readonly #processor: BatchSpanProcessor;
  readonly #roots: OtelTracer;
  readonly #others: OtelTracer;
  #anchorMs = 0;
  #anchoredMs = Number.NEGATIVE_INFINITY;

  constructor(parts: { exporter: SpanExporter; sampler: Sampler; resource: Resource }) {
    const { exporter, sampler, resource } = parts;
    this.#processor = new BatchSpanProcessor({ exporter, scheduledDelayMillis: SEND_MS });
    const tracerOf = (by: Sampler): OtelTracer =>
      new TracerProvider({ sampler: by, resource, spanProcessors: [this.#processor] }).getTracer(
        "millrace",
      );
    this.#roots = tracerOf(sampler);
    this.#others = tracerOf(new AlwaysOnSampler());
  }

  nowMs(): number {
    const now = performance.now();
    if (now - this.#anchoredMs > ANCHOR_MS) {
      this.#anchoredMs = now;
      this.#anchorMs = Date.now();
    }
    return this.#anchorMs + now - this.#anchoredMs;
  }

  root(name: SpanName, parent: Traceparent | undefined, start: SpanStart): Root {
    const span = this.#start(this.#roots, name, contextOf(parent), start);
    const trace = traceparentOf(span.spanContext());
    return { trace, span: span.isRecording() ? this.#recorded(span, trace) : undefined };
  }

  begin(name: SpanName, parent: Traceparent | undefined, start: SpanStart): Span | undefined {
    const parts = traceParts(parent);
    if (parts === undefined || !parts.sampled) return undefined;
    const span = this.#start(this.#others, name, contextOf(parent), start);
    return this.#recorded(span, traceparentOf(span.spanContext()));
  }

  #start(
    by: OtelTracer,
    name: SpanName,
    context: Context,
    { atMs, attributes = {}, links = [] }: SpanStart,
  ): OtelSpan {
    const startTime = hrTime(atMs ?? this.nowMs());
    const kind = kinds[spans[name].kind];
    const linked = links.flatMap((link) => spanContextOf(link) ?? []);
    return by.startSpan(
      name,
      {
        startTime,
        kind,
        attributes: attributes as Attributes,
        links: linked.map((context) => ({ context })),
      },
      context,
    );
  }

  #recorded(span: OtelSpan, trace: Traceparent): Span {
    return {
      trace,
      end: ({ attributes, error } = {}) => {
        if (attributes !== undefined) span.setAttributes(attributes);
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end(hrTime(this.nowMs()));
      },
    };
  }

  /** Sends what is recorded and not sent yet. */
  async stop(): Promise<void> {
    await this.#processor.shutdown();
  }
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

function contextOf(parent: Traceparent | undefined): Context {
  const context = spanContextOf(parent);
  return context === undefined ? ROOT_CONTEXT : traces.setSpanContext(ROOT_CONTEXT, context);
}

function spanContextOf(trace: Traceparent | undefined): SpanContext | undefined {
  const parts = traceParts(trace);
  if (parts === undefined) return undefined;
  const { traceId, spanId, sampled } = parts;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { traceId, spanId, traceFlags, isRemote: true };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): Traceparent {
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}

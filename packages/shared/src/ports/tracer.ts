import type { Traceparent } from "../contract/trace.ts";
import type { SpanName } from "../telemetry/spans.ts";

/** By OpenTelemetry's semantic conventions where they have a name; `millrace.*` are ours. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanStart {
  /** When it began, by the tracer's clock; now where absent. */
  readonly atMs?: number | undefined;
  readonly attributes?: SpanAttributes;
  /** Spans of other traces that it has to do with. */
  readonly links?: readonly Traceparent[];
}

/** A piece of work that is being recorded. */
export interface Span {
  /** For what is caused by it. */
  readonly trace: Traceparent;
  /** @param error why it failed, where it did */
  end(more?: { readonly attributes?: SpanAttributes; readonly error?: string }): void;
}

/** A trace that begins here, or goes on here with what a client sent. */
export interface Root {
  readonly trace: Traceparent;
  /** undefined where the trace is not sampled. */
  readonly span: Span | undefined;
}

/**
 * Records spans of traces that are sampled. A process without one records nothing, and whoever has none
 * does no more than see that there is none.
 */
export interface Tracer {
  /** Epoch ms, with fractions. */
  nowMs(): number;
  /**
   * The root of a trace on our side: here, and nowhere else, is decided whether it is sampled.
   * @param parent what a client sent along
   */
  root(name: SpanName, parent: Traceparent | undefined, start: SpanStart): Root;
  /** @returns undefined where there is no parent, or its trace is not sampled */
  begin(name: SpanName, parent: Traceparent | undefined, start: SpanStart): Span | undefined;
}

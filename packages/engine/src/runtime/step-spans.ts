import { OwnTraces, type Traceparent } from "@millrace/shared/contract/trace";
import { instanceId, type InstanceRef } from "@millrace/shared/contract/names";
import type { Cause } from "@millrace/shared/contract/journal-record";
import { messageOf } from "@millrace/shared/errors/operational";
import { recordAppend } from "@millrace/shared/telemetry/append-spans";
import type { Batch } from "./batch.ts";
import type { Span, SpanAttributes, Tracer } from "@millrace/shared/ports/tracer";

/** A trace as a record of the journal is to name it, and what is recorded of it. */
export interface Traced {
  readonly trace: Traceparent;
  readonly span: Span | undefined;
}

/** What a span says of a decision. */
export interface Decided {
  readonly cause: Cause;
  readonly to: Partial<InstanceRef> & Pick<InstanceRef, "ns">;
  readonly attributes: SpanAttributes;
}

/**
 * The traces of what one owner decides: that of the input, or one that begins here, for timers and for
 * records that have none. So every step has one.
 */
export class StepSpans {
  readonly #tracer: Tracer | undefined;
  readonly #partition: number;
  readonly #own: OwnTraces;
  #turnMs: number | undefined;

  constructor(parts: {
    tracer: Tracer | undefined;
    log: string;
    partition: number;
    epoch: number;
  }) {
    const { tracer, log, partition, epoch } = parts;
    this.#tracer = tracer;
    this.#partition = partition;
    this.#own = new OwnTraces(log, partition, epoch);
  }

  /** Steps of a turn begin with it. */
  turnBegins(): void {
    this.#turnMs = this.#tracer?.nowMs();
  }

  /** @param trace of the input */
  begin(name: "step" | "reject", trace: Traceparent | undefined, of: () => Decided): Traced {
    const tracer = this.#tracer;
    if (tracer === undefined) return { trace: trace ?? this.#own.next(), span: undefined };
    const start = { atMs: this.#turnMs, attributes: this.#attributesOf(of()) };
    if (trace === undefined) return tracer.root(name, undefined, start);
    const span = tracer.begin(name, trace, start);
    return { trace: span?.trace ?? trace, span };
  }

  /** Records an append as a part of each step in it; with its answer they have ended. */
  async append<T>({ spans, entries }: Batch, work: () => Promise<T>): Promise<T> {
    if (spans.length === 0) return await work();
    const attributes = {
      "messaging.operation.type": "send",
      "messaging.destination.name": "journal",
      "messaging.destination.partition.id": String(this.#partition),
      "messaging.batch.message_count": entries.length,
    };
    const traces = spans.map(({ trace }) => trace);
    try {
      const done = await recordAppend(this.#tracer, "append journal", traces, attributes, work);
      for (const span of spans) span.end();
      return done;
    } catch (error) {
      for (const span of spans) span.end({ error: messageOf(error) });
      throw error;
    }
  }

  #attributesOf({ cause, to, attributes }: Decided): SpanAttributes {
    const { kind, type, offset } = cause;
    const { ns, flow, key } = to;
    return {
      "messaging.operation.type": "process",
      "messaging.destination.name": "events",
      "messaging.destination.partition.id": String(this.#partition),
      ...(offset !== undefined && { "messaging.message.id": `${this.#partition}-${offset}` }),
      "millrace.cause": `${kind} ${type}`,
      "millrace.namespace": ns,
      ...(flow !== undefined && { "millrace.flow": flow }),
      ...(flow !== undefined &&
        key !== undefined && { "millrace.instance": instanceId({ ns, flow, key }) }),
      ...attributes,
    };
  }
}

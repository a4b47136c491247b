import type { Traceparent } from "../contract/trace.ts";
import { messageOf } from "../errors/operational.ts";
import type { Span, SpanAttributes, Tracer } from "../ports/tracer.ts";

/** Links of one span: beyond this, traces of one append are not linked. */
const LINKS_MAX = 64;

/**
 * Records an append that several traces have a part in: a span in each of them, so that each is whole, the
 * first linked to what the others append, and they to the first.
 *
 * @param parents of the records in it that belong to traces that are sampled
 */
export async function recordAppend<T>(
  tracer: Tracer | undefined,
  name: "append events" | "append journal",
  parents: readonly Traceparent[],
  attributes: SpanAttributes,
  work: () => Promise<T>,
): Promise<T> {
  const begun = tracer === undefined ? [] : beginAll(tracer, name, parents, attributes);
  if (begun.length === 0) return await work();
  try {
    const done = await work();
    for (const span of begun) span.end();
    return done;
  } catch (error) {
    for (const span of begun) span.end({ error: messageOf(error) });
    throw error;
  }
}

function beginAll(
  tracer: Tracer,
  name: "append events" | "append journal",
  parents: readonly Traceparent[],
  attributes: SpanAttributes,
): Span[] {
  const [parent, ...others] = parents;
  const links = others.slice(0, LINKS_MAX);
  const first = tracer.begin(name, parent, { attributes, links });
  if (first === undefined) return [];
  const rest = others.map((one) => tracer.begin(name, one, { attributes, links: [first.trace] }));
  return [first, ...rest.filter((span) => span !== undefined)];
}

/**
 * The trace of a record: a W3C `traceparent`, as in `00-<trace id>-<span id>-<flags>`.
 *
 * Every header of `events` and of `journal` that came of an input has one. Its trace id is that of all
 * that comes of one publish, signal or timer. Its span id is the span of what wrote the record, where the
 * trace is sampled (the last bit of the flags): a publish, a copy, a send, a command or call whose result
 * it is; in the journal the step itself. What comes of the record is a child of that span. Where it is not
 * sampled, the span id stands for nothing.
 */
export type Traceparent = string;

const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** @returns whether a text is a traceparent that can be gone on with */
export function isTraceparent(text: string): boolean {
  return form.test(text);
}

export interface TraceParts {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** @returns undefined for what is no traceparent */
export function traceParts(text: string | undefined): TraceParts | undefined {
  const [, traceId, spanId, flags] = form.exec(text ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** What people search by; undefined for what is no traceparent. */
export function traceIdOf(trace: string | undefined): string | undefined {
  return traceParts(trace)?.traceId;
}

/** For lines of the log: OpenTelemetry's name for it, or nothing. */
export function traceFacts(trace: string | undefined): { readonly trace_id?: string } {
  const id = traceIdOf(trace);
  return id === undefined ? {} : { trace_id: id };
}

/** A new trace for what came without one, not sampled: its id is what people search by. */
export function newTrace(random: () => number): Traceparent {
  const word = (): string =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  return `00-${word()}${word()}${word()}${word()}-${word()}${word()}-00`;
}

/** Spreads numbers over 32 bits, each to another one (the finalizer of murmur3). */
function mix(n: number): number {
  let h = n | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

/**
 * The traces that begin with the owner of a partition: those of timers, and of records without a trace.
 *
 * No chance is in them, so that a run by a seed stays the same, and they cost no random bytes: an epoch
 * never comes again, nor does a number within it.
 */
export class OwnTraces {
  readonly #head: string;
  readonly #salt: number;
  #n = 0;

  /** @param log the log's id */
  constructor(log: string, partition: number, epoch: number) {
    let salt = partition;
    for (const character of log) salt = mix(salt ^ (character.codePointAt(0) ?? 0));
    this.#salt = mix(salt ^ Math.floor(epoch / 0x1_0000_0000)) ^ (epoch | 0);
    this.#head = hex(mix(this.#salt)) + hex(mix(epoch ^ mix(partition)));
  }

  next(): Traceparent {
    this.#n += 1;
    const low = mix(this.#n) ^ this.#salt;
    const id = `${hex(mix(low >>> 0))}${hex(mix(this.#n ^ 0x5bd1e995))}`;
    return `00-${this.#head}${id}-${id}-00`;
  }
}

import { type Traceparent, traceParts } from "../contract/trace.ts";
import { isOperational } from "../errors/operational.ts";
import { type Clock, randomName } from "../ports/clock.ts";
import type { Appended, EventLog, NewRecord } from "../ports/event-log.ts";
import type { Tracer } from "../ports/tracer.ts";
import { recordAppend } from "../telemetry/append-spans.ts";
import { Histogram } from "../telemetry/histogram.ts";
import type { Observe } from "../telemetry/observe.ts";

/**
 * The one way into the `events` log for everything in a process: what devices publish, what people
 * say, results, copies.
 *
 * Owns the queue of each partition. Invariants:
 *   W1 one append is under way per partition, repeats included; so a writer's records stand in the
 *      order in which they were handed over, and its `n` rises (the receiver drops what does not);
 *   W2 an append that was not answered is repeated unchanged until it is: never reordered, never
 *      joined by newer records;
 *   W3 `write` resolves only when the log has acknowledged the record on all in-sync replicas;
 *   W4 what waits is bounded: beyond `queueBytesMax`, `congested` asks callers to hold back.
 */
interface EventsWriterOptions {
  /** What one append holds at most, in bytes and records. */
  readonly batchBytesMax: number;
  readonly batchRecordsMax: number;
  /** What may wait in all before callers are asked to hold back. */
  readonly queueBytesMax: number;
  /** Pause before an unanswered append is repeated. */
  readonly repeatMs: number;
}

const defaultEventsWriterOptions: EventsWriterOptions = {
  batchBytesMax: 900_000,
  batchRecordsMax: 5_000,
  queueBytesMax: 64 * 1024 * 1024,
  repeatMs: 200,
};

const DESTINATION = { "messaging.destination.name": "events" };

interface Waiting {
  readonly record: NewRecord;
  /** Set where it is sampled, and there is a tracer. */
  readonly trace: Traceparent | undefined;
  readonly bytes: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

interface Queue {
  waiting: Waiting[];
  busy: boolean;
}

export class EventsWriter {
  /** Names this process among writers; random, so that a restarted one is another. */
  readonly name: string;
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #tracer: Tracer | undefined;
  readonly #options: EventsWriterOptions;
  readonly #queues: Queue[];
  readonly #relief = new Set<() => void>();
  readonly #durations = new Histogram();
  #repeats = 0;
  #n = 0;
  #queuedBytes = 0;
  #wasCongested = false;
  #closed = false;

  constructor(
    log: EventLog,
    clock: Clock,
    {
      tracer,
      ...options
    }: Partial<EventsWriterOptions> & { readonly tracer?: Tracer | undefined } = {},
  ) {
    this.#tracer = tracer;
    this.#log = log;
    this.#clock = clock;
    this.#options = { ...defaultEventsWriterOptions, ...options };
    this.name = randomName(clock, "w");
    this.#queues = Array.from({ length: log.partitions }, () => ({ waiting: [], busy: false }));
  }

  /** The next stamp of this process's own records. */
  stamp(): { w: string; n: number } {
    this.#n += 1;
    return { w: this.name, n: this.#n };
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** What there is to know of its work now. */
  observe(observe: Observe): void {
    observe("millrace.events.queued", this.#queuedBytes);
    observe("millrace.events.append.duration", this.#durations);
    observe("millrace.events.append.repeats", this.#repeats);
  }

  get congested(): boolean {
    return this.#queuedBytes > this.#options.queueBytesMax;
  }

  /** Calls each time that what waits has fallen to half the bound after exceeding it. */
  onRelief(call: () => void): void {
    this.#relief.add(call);
  }

  /**
   * @param trace what the append is a part of
   * @throws OperationalError LOG-003 when the log will never take it
   */
  write(partition: number, record: NewRecord, trace?: Traceparent): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("the writer is closed"));
      const queue = this.#queues[partition];
      if (queue === undefined) return reject(new RangeError(`no partition ${partition}`));
      const bytes = sizeOf(record);
      const sampled = this.#tracer !== undefined && traceParts(trace)?.sampled ? trace : undefined;
      queue.waiting.push({ record, trace: sampled, bytes, resolve, reject });
      this.#queuedBytes += bytes;
      if (this.congested) this.#wasCongested = true;
      if (queue.busy) return;
      queue.busy = true;
      // What is handed over in the same tick goes into one append.
      queueMicrotask(() => void this.#drain(partition, queue));
    });
  }

  async #drain(partition: number, queue: Queue): Promise<void> {
    while (queue.waiting.length > 0) {
      const batch = this.#cut(queue);
      const traces = batch.flatMap(({ trace }) => trace ?? []);
      const facts = { ...DESTINATION, "messaging.destination.partition.id": String(partition) };
      await recordAppend(
        this.#tracer,
        "append events",
        traces,
        { ...facts, "messaging.batch.message_count": batch.length },
        () => this.#appendUntilAnswered(partition, batch),
      );
      for (const { bytes } of batch) this.#queuedBytes -= bytes;
      this.#relieve();
    }
    queue.busy = false;
  }

  #cut(queue: Queue): Waiting[] {
    const { batchBytesMax, batchRecordsMax } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const waiting of queue.waiting) {
      bytes += waiting.bytes;
      if (count > 0 && (bytes > batchBytesMax || count >= batchRecordsMax)) break;
      count += 1;
    }
    return queue.waiting.splice(0, count);
  }

  async #appendUntilAnswered(partition: number, batch: readonly Waiting[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    const sentMs = this.#clock.monotonicMs();
    for (;;) {
      try {
        const appended = await this.#log.append("events", partition, records);
        this.#durations.observeMs(this.#clock.monotonicMs() - sentMs);
        for (const [i, { resolve }] of batch.entries()) {
          resolve({ offset: appended.offset + i, time: appended.time });
        }
        return;
      } catch (error) {
        if (isOperational(error, "LOG-003")) return this.#refuse(partition, batch, error);
        if (this.#closed) return rejectAll(batch, error);
        this.#repeats += 1;
        await new Promise<void>((resolve) => this.#clock.after(this.#options.repeatMs, resolve));
      }
    }
  }

  /** The log refuses an append whole: find the record that it refuses, and let the others through. */
  async #refuse(partition: number, batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length === 1) return rejectAll(batch, error);
    for (const one of batch) await this.#appendUntilAnswered(partition, [one]);
  }

  #relieve(): void {
    if (!this.#wasCongested || this.#queuedBytes > this.#options.queueBytesMax / 2) return;
    this.#wasCongested = false;
    for (const call of this.#relief) call();
  }

  /** Takes no more, and gives up repeating what is not answered. */
  close(): void {
    this.#closed = true;
  }
}

function rejectAll(batch: readonly Waiting[], error: unknown): void {
  for (const { reject } of batch) reject(error);
}

/** What a record weighs in a queue; the constant stands for what the log adds. */
function sizeOf({ key, header, value }: NewRecord): number {
  return (key?.length ?? 0) + header.length + (value?.length ?? 0) + 100;
}

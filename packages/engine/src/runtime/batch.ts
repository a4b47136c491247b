import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Cause, Checkpoint, Mark, Rejected } from "@millrace/shared/contract/journal-record";
import { type InstanceId, logKey } from "@millrace/shared/contract/names";
import type { PositionChange } from "@millrace/shared/contract/position";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { Traceparent } from "@millrace/shared/contract/trace";
import type { Decision } from "@millrace/shared/core/decision";
import type { Span } from "@millrace/shared/ports/tracer";
import type { InstanceIndex } from "@millrace/shared/ports/state-store";
import type { Cached } from "./instance-cache.ts";
import type { BigInput, JournalEntry } from "./journal-writer.ts";
import type { Traced } from "./step-spans.ts";
import { indexOf, type RejectedRecord } from "./stored.ts";

/** Effects that an executor has to see; lines for operators are written by the engine itself. */
const executed: ReadonlySet<string> = new Set(["command", "call", "publish", "send"]);

/** An instance that steps of a batch have changed. */
interface Touched {
  readonly id: InstanceId;
  readonly cached: Cached;
  /** As it was before the batch. */
  readonly before: Instance | undefined;
  instance: Instance;
  json: string;
  /** Places in the batch of its steps, oldest first. */
  steps: number[];
  begins: boolean;
  records: number;
}

/** What became of an instance in a batch, for the store to catch up with once it is appended. */
export interface BatchedInstance extends Omit<Touched, "before" | "instance"> {
  readonly was: InstanceIndex | undefined;
  readonly index: InstanceIndex;
}

/** Records decided in one turn, on their way into one append. */
export class Batch {
  readonly entries: JournalEntry[] = [];
  readonly #touched = new Map<InstanceId, Touched>();
  readonly rejections: (RejectedRecord & { readonly at: number })[] = [];
  readonly logs: {
    readonly instance: Instance;
    readonly trace: Traceparent;
    readonly level: string;
    readonly message: string;
  }[] = [];
  /** What is recorded of its entries, to be ended when they are acknowledged. */
  readonly spans: Span[] = [];
  /** Log times of the inputs of its steps. */
  readonly stepTimes: EpochMs[] = [];
  /** The latest input with more than one record; no other makes a batch too much for one append. */
  big: BigInput | undefined;
  /** Of the entries, so that a batch is known to be full; a rough 200 for key and header of each. */
  bytes = 0;

  /** @param position before the input, of which the entries from here on come */
  beginBig(position: PositionChange): void {
    this.big = { at: this.entries.length, position };
  }

  addStep(
    id: InstanceId,
    cached: Cached,
    { step, json, instanceJson }: Decision & { kind: "step" },
    { trace, span }: Traced,
  ): void {
    const { instance, effects } = step;
    // Whoever dispatches has to hear of what is put aside: another may have asked for it.
    const fx: string[] = step.cause.type === "parked" ? ["parked"] : [];
    for (const effect of effects) {
      if (!effect.verdict.allow) continue;
      if (executed.has(effect.kind)) fx.push(effect.kind);
      else if (effect.kind === "log") this.logs.push({ instance, trace, ...effect });
    }
    this.stepTimes.push(step.at);
    if (span !== undefined) this.spans.push(span);
    const place = this.#add("step", instance, json, trace, fx);
    this.#touch(id, cached, instance, instanceJson, place, step.from === null);
  }

  addRejection(
    id: InstanceId | undefined,
    cached: Cached | undefined,
    rejected: Rejected,
    { trace, span }: Traced,
  ): void {
    if (span !== undefined) this.spans.push(span);
    const json = encodeRejection(rejected);
    const { ns, key } = rejected;
    const place = this.#add("rejected", key === undefined ? undefined : { ns, key }, json, trace);
    this.rejections.push({ at: place, rejected, json, trace });
    if (id === undefined || cached === undefined || rejected.instance === undefined) return;
    const text = JSON.stringify(rejected.instance);
    this.#touch(id, cached, rejected.instance, text, undefined, false);
  }

  addCheckpoint(checkpoint: Checkpoint): void {
    this.#add("checkpoint", undefined, JSON.stringify(checkpoint), undefined);
  }

  /** @param json the instance, encoded */
  addRefresh(instance: Instance, json: string): void {
    this.#add("refresh", instance, `{"instance":${json}}`, undefined);
  }

  addMark(mark: Mark = {}): void {
    this.#add("mark", undefined, JSON.stringify(mark), undefined);
  }

  /**
   * Takes what became of the instances out of the batch. The instances themselves are let go: while the
   * append is under way, their JSON is enough.
   */
  takeInstances(): BatchedInstance[] {
    const taken = Array.from(this.#touched.values(), ({ before, instance, ...one }) => ({
      ...one,
      was: before && indexOf(before),
      index: indexOf(instance),
    }));
    this.#touched.clear();
    return taken;
  }

  #add(
    kind: JournalEntry["kind"],
    of: { ns: string; key: string } | undefined,
    value: string,
    trace: string | undefined,
    fx?: readonly string[],
  ): number {
    const key = of === undefined ? null : logKey(of.ns, of.key);
    this.bytes += Buffer.byteLength(value) + 200;
    return (
      this.entries.push({
        kind,
        key,
        value,
        ...(fx !== undefined && fx.length > 0 && { fx }),
        ...(trace !== undefined && { trace }),
      }) - 1
    );
  }

  #touch(
    id: InstanceId,
    cached: Cached,
    instance: Instance,
    json: string,
    step: number | undefined,
    begins: boolean,
  ): void {
    const before = cached.instance;
    cached.change(instance, json);
    const known = this.#touched.get(id);
    if (known === undefined) {
      const steps = step === undefined ? [] : [step];
      this.#touched.set(id, { id, cached, before, instance, json, steps, begins, records: 1 });
      return;
    }
    known.instance = instance;
    known.json = json;
    known.records += 1;
    if (begins) {
      known.begins = true;
      known.steps = [];
    }
    if (step !== undefined) known.steps.push(step);
  }
}

/** What no gateway takes, somebody may have written here: a rejection has to fit into the journal. */
const REJECTION_CHARACTERS_MAX = 1_000_000;
const PAYLOAD_HEAD_BYTES = 1_024;

function encodeRejection(rejected: Rejected): string {
  const json = JSON.stringify(rejected);
  if (json.length <= REJECTION_CHARACTERS_MAX) return json;
  const bytes = Buffer.from(JSON.stringify(rejected.payload));
  const base64 = bytes.subarray(0, PAYLOAD_HEAD_BYTES).toString("base64");
  return JSON.stringify({ ...rejected, payload: { bytes: bytes.length, base64 } });
}

/** The cause of a rejection of a record that could not even be read for an instance. */
export function causeOfFault(type: string, offset: number, header: EventHeader | undefined): Cause {
  if (header?.kind !== "device") return { kind: "device", type, offset };
  const { client, topic } = header;
  return { kind: "device", type, offset, client, topic };
}

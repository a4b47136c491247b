import type { Change } from "@millrace/shared/contract/changes";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Cause, Rejected, Step } from "@millrace/shared/contract/journal-record";
import { type InstanceId, type InstanceRef, logKey } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { Delivery } from "../../runtime/deliveries.ts";
import type { HeldInstances } from "./held-instances.ts";
import type { Difference, Tally, Undecided } from "./report.ts";

/** A step, or the rejection of an instance's input, as it stands in the journal. */
export interface Recorded {
  readonly offset: number;
  readonly id: InstanceId;
  readonly to: InstanceRef;
  readonly at: EpochMs;
  readonly cause: Cause;
  readonly outcome:
    | { readonly kind: "step"; readonly step: Step; readonly text: string }
    | { readonly kind: "rejected"; readonly rejected: Rejected };
}

/** An event for an instance, and what the journal has of it. */
export interface Taken {
  readonly id: InstanceId;
  readonly to: InstanceRef;
  readonly at: EpochMs;
  /** Offset of the event. */
  readonly event: number;
  /** undefined where nobody listens to it any more. */
  readonly delivery: Delivery | undefined;
  /** undefined where nothing came of it. */
  readonly recorded: Recorded | undefined;
}

/** Decides again what a walk over a partition comes by, and notes what comes out otherwise. */
export interface Judge {
  /** Whether an instance belongs to this pass. @param key its record's */
  wants(key: string): boolean;
  /** An instance as a record before the range has it. */
  fold(instance: Instance): void;
  /** The log's time where the range begins. */
  begin(time: EpochMs): void;
  take(taken: Taken): void;
  /** A timer or a deadline that came due. */
  timer(recorded: Recorded): void;
  /** When the deadline of an effect comes, as the journal had it. */
  deadlineOf(id: InstanceId, effect: string): EpochMs | undefined;
  /** What cannot be decided again; the instance goes on as the journal has it. */
  miss(recorded: Recorded, why: Undecided): void;
  /** The log's time at the end of the range. */
  end(time: EpochMs): void;
  /** Tells what was found, once the pass is over. */
  tell(tally: Tally, onDifference: (difference: Difference) => void): void;
}

/** What is known of one instance in the course of a pass. */
export class Note {
  /** The instance, encoded; undefined where there is none. */
  json: string | undefined;
  touched = false;
  steps = 0;
  rejections = 0;
  decided = 0;
  difference: Difference | undefined;
  #missed: Map<Undecided, number> | undefined;

  get instance(): Instance | undefined {
    return this.json === undefined ? undefined : (JSON.parse(this.json) as Instance);
  }

  miss(why: Undecided): void {
    this.touched = true;
    this.#missed ??= new Map();
    this.#missed.set(why, (this.#missed.get(why) ?? 0) + 1);
  }

  /** @param recorded what the journal has, which was compared */
  count(recorded: Recorded | undefined): void {
    this.touched = true;
    this.decided += 1;
    if (recorded?.outcome.kind === "step") this.steps += 1;
    if (recorded?.outcome.kind === "rejected") this.rejections += 1;
  }

  /** Notes what came out otherwise, if it is the first. */
  differ(
    {
      id,
      recorded,
      at,
      partition,
    }: { id: InstanceId; recorded: Recorded | undefined; at: EpochMs; partition: number },
    cause: Cause,
    changes: readonly Change[],
  ): void {
    this.difference ??= {
      instance: id,
      partition,
      offset: recorded?.offset,
      seq: recorded?.outcome.kind === "step" ? recorded.outcome.step.instance.seq : undefined,
      at,
      cause: recorded?.cause ?? cause,
      changes,
    };
  }

  tell(tally: Tally, onDifference: (difference: Difference) => void): void {
    if (!this.touched) return;
    tally.instances += 1;
    tally.steps += this.steps;
    tally.rejections += this.rejections;
    tally.decided += this.decided;
    for (const [why, count] of this.#missed ?? []) tally.missed(why, count);
    if (this.difference === undefined) return;
    tally.differ += 1;
    onDifference(this.difference);
  }
}

/** The note of an instance, made where there is none. */
export function noteOf<N extends Note>(
  held: HeldInstances<N>,
  id: InstanceId,
  { ns, key }: InstanceRef,
  make: () => N,
): N {
  return held.get(id) ?? held.add(id, logKey(ns, key), make());
}

/** What the event of a delivery would be the cause of. */
export function causeOf({ delivery, event }: Taken): Cause {
  if (delivery === undefined) return { kind: "device", type: "", offset: event };
  if ("input" in delivery) {
    const { input } = delivery;
    switch (input.kind) {
      case "signal":
        return { kind: "signal", type: input.type, offset: event };
      case "operator":
        return { kind: "operator", type: input.action, offset: event };
      default:
        return { kind: "result", type: input.kind, offset: event };
    }
  }
  const [first] = delivery.readings;
  if (first === undefined) return { kind: "device", type: "", offset: event };
  const { type, thing, client, topic } = first;
  return { kind: "device", type, offset: event, thing, client, topic };
}

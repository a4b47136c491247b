import * as z from "zod";
import type { Effect } from "./effect.ts";
import { parseHeader } from "./header.ts";
import type { Instance, StateValue } from "./instance.ts";
import type { Json } from "./json.ts";
import type { InstanceId } from "./names.ts";
import type { Bookmark } from "./reader.ts";
import type { EpochMs } from "./time.ts";

/**
 * Records of the `journal` topic: what was decided.
 *
 * The header is what a reader needs to know whether a record counts and whether it must open the
 * value; the value is JSON with readable names, for people with a console consumer.
 */
const positionChange = z.object({
  offset: z.int().nonnegative(),
  time: z.int().nonnegative(),
  stamps: z.record(z.string(), z.int().nonnegative()).optional(),
  /** Offset of the checkpoint that a fold may begin at. */
  floor: z.int().nonnegative().optional(),
});

const journalHeader = z.object({
  v: z.literal(1),
  kind: z.enum(["claim", "step", "rejected", "mark", "refresh", "checkpoint"]),
  /** Epoch: the offset of the claim that the writer owned the partition by. A claim has none. */
  e: z.int().nonnegative().optional(),
  /** Rises by one within an epoch; a claim is 0. */
  n: z.int().nonnegative(),
  /** Kinds of effects in a step that the dispatcher has to look at. */
  fx: z.array(z.string()).optional(),
  /** On the last record of an append: input position and moved stamps after it. */
  pos: positionChange.optional(),
  trace: z.string().optional(),
});

export type JournalHeader = z.infer<typeof journalHeader>;
export type JournalKind = JournalHeader["kind"];

/** @returns undefined for a record that no version of ours wrote; never throws */
export function parseJournalHeader(text: string | undefined): JournalHeader | undefined {
  const parsed = journalHeader.safeParse(parseHeader(text));
  return parsed.success ? parsed.data : undefined;
}

/** What made an instance move: the part of its input that people ask for. */
export interface Cause {
  readonly kind: "device" | "timer" | "result" | "signal" | "operator" | "redrive";
  readonly type: string;
  /** Offset of the input on `events`; a timer has none. */
  readonly offset?: number;
  readonly thing?: string;
  readonly client?: string;
  readonly topic?: string;
  /** The event's, signal's or operator's own id. */
  readonly id?: string;
  /** The rejected input that this one gave again, as `partition-offset` of its rejection. */
  readonly redrive?: string;
  /** The effect that a result answers, or whose `send` a signal was. */
  readonly effect?: string;
  readonly due?: EpochMs;
  /** What an operator gave as the reason. */
  readonly reason?: string;
  /** Of a migration: the version before it. */
  readonly version?: string;
}

/** One transition of one instance, with its whole state after it. */
export interface Step {
  readonly at: EpochMs;
  readonly cause: Cause;
  /** null for the first step of a generation. */
  readonly from: StateValue | null;
  readonly effects: readonly Effect[];
  readonly instance: Instance;
}

export const rejectionCodes = [
  "malformed-record",
  "bad-payload",
  "schema",
  "bad-thing",
  "bad-key",
  "expression",
  "no-instance",
  "paused",
  "unknown-event",
  "unknown-version",
  "unknown-state",
  "context-too-big",
  "step-too-big",
  "too-many-effects",
  "microsteps",
  "bad-effect",
  "effect-failed",
  "poison",
] as const;
export type RejectionCode = (typeof rejectionCodes)[number];

/** An input that could not be taken. The instance stays as it was, but for a timer that fired. */
export interface Rejected {
  readonly at: EpochMs;
  readonly cause: Cause;
  readonly code: RejectionCode;
  /** What was wrong, where, and what to do. */
  readonly detail: string;
  readonly ns: string;
  readonly flow?: string;
  readonly key?: string;
  /** The payload as it came: JSON where it is JSON, else `{base64}`. */
  readonly payload: Json;
  /** Present where the rejection takes the fired timer out of the instance. */
  readonly instance?: Instance;
}

/** A live instance without a later record, written anew so that older records can go. Same seq. */
export interface Refresh {
  readonly instance: Instance;
}

/** What an owner has in hand, for whoever comes after it: an event, or the timer of an instance. */
export interface Trying {
  /** Of the event, on `events`. */
  readonly offset?: number;
  readonly timer?: InstanceId;
  /** Its process; one that claims anew has not been ended by it. */
  readonly worker: string;
  /** Processes that had it in hand before, one after the other. */
  readonly others?: readonly string[];
}

/** How far the input is, and no more; where owners ended one after the other, what this one has in hand. */
export interface Mark {
  readonly trying?: Trying;
}

/**
 * The whole position of a partition. Once every live instance has a record at or after it, it is a
 * floor: a fold may begin here, and what stands before it may go.
 */
export interface Checkpoint {
  readonly offset: number;
  readonly time: EpochMs;
  readonly stamps: Readonly<Record<string, readonly [n: number, time: EpochMs]>>;
  /** How far the journal was dispatched: a dispatcher that lost its bookmark begins here. */
  readonly dispatched?: Bookmark | undefined;
  /** Earlier floors that still stand in the log, oldest first, each with its own time and input offset. */
  readonly floors: readonly (readonly [offset: number, time: EpochMs, input: number])[];
}

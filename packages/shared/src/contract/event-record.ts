import * as z from "zod";
import { parseHeader } from "./header.ts";
import { instanceStatuses } from "./instance.ts";

/**
 * Records of the `events` topic: whatever a device, a person or an effect's result says to an instance.
 *
 * Metadata in the header, payload as the value. Every record is stamped `(w, n)`: the writer and its
 * rising count; a receiver drops what is not above the writer's highest `n` (invariant P2).
 */

export const operatorActions = ["pause", "resume", "cancel"] as const;
export type OperatorAction = (typeof operatorActions)[number];

/**
 * Text that can stand in keys, ids and the journal. Every writer of ours stays far below; whatever
 * somebody else wrote, what is decided of it has to fit into a record.
 */
const text = (charactersMax: number) =>
  z
    .string()
    .min(1)
    .max(charactersMax)
    .refine((value) => value.isWellFormed(), "has half a character in it, a lone surrogate");
const name = text(1_024);
/** Names of an instance, percent-encoded, are part of an effect's id. */
const id = text(16_384);
/** The most that MQTT has. */
const mqttText = text(65_535);

const stamped = {
  v: z.literal(1),
  ns: name,
  /** Writer: a gateway's or dispatcher's random name, or the source log of a copy or a `send`. */
  w: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}$/, "not a writer's name"),
  n: z.int().nonnegative(),
  /** W3C `traceparent`. */
  trace: name.optional(),
  /** The rejected input that this one gives again, as `partition-offset` of its rejection. */
  redrive: name.optional(),
};

/** A device's publish. Value: the payload as it came. */
const deviceEvent = z.object({
  ...stamped,
  kind: z.literal("device"),
  topic: mqttText,
  client: mqttText,
  /** The client's thing, where its identity names one. */
  thing: name.optional(),
  qos: z.int().min(0).max(2),
  /** MQTT 5 user properties. */
  props: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
  /** Set on a copy: the log time at which the original arrived. */
  at: z.int().optional(),
  /** Of what is given again: for this flow alone, and of its deployments for the one of this key. */
  only: z.object({ flow: name, key: name.optional() }).optional(),
});

/** What an instance must (still) be like for what is said to it; looked at when it is taken. */
const where = z
  .object({
    state: name.optional(),
    status: z.enum(instanceStatuses).optional(),
    version: name.optional(),
  })
  .optional();

/** Something said to one instance by a person, a program or another instance. Value: a JSON object. */
const signal = z.object({
  ...stamped,
  kind: z.literal("signal"),
  flow: name,
  key: name,
  type: name,
  id,
  /** The effect id of a `send`, when an instance said it. */
  effect: id.optional(),
  where,
});

/** How an effect ended. Value: a JSON object with what there is to tell. */
const result = z.object({
  ...stamped,
  kind: z.literal("result"),
  flow: name,
  key: name,
  effect: id,
  outcome: z.enum(["delivered", "refused", "superseded", "done", "error"]),
  /** It has been told before: where nobody waits for it, a refusal is no news any more. */
  again: z.literal(true).optional(),
});

/** The dispatcher puts an effect aside that takes over a second. Value: the effect. */
const parked = z.object({
  ...stamped,
  kind: z.literal("parked"),
  flow: name,
  key: name,
  effect: id,
});

/**
 * What an operator does with one instance. Value: a JSON object, with the reason where there is one; of
 * `migrate`, the version as `to`, and names of states by names as `map`.
 */
const operator = z.object({
  ...stamped,
  kind: z.literal("operator"),
  flow: name,
  key: name,
  action: z.enum([...operatorActions, "migrate"]),
  id,
  where,
});

const eventHeader = z.discriminatedUnion("kind", [deviceEvent, signal, result, parked, operator]);

export type EventHeader = z.infer<typeof eventHeader>;
export type DeviceEvent = z.infer<typeof deviceEvent>;
export type Signal = z.infer<typeof signal>;
export type Result = z.infer<typeof result>;
export type Parked = z.infer<typeof parked>;
export type OperatorCommand = z.infer<typeof operator>;
export type Where = NonNullable<OperatorCommand["where"]>;

/** @returns the header, or why it is none; never throws */
export function parseEventHeader(text: string | undefined): EventHeader | { malformed: string } {
  const header = parseHeader(text);
  if (header === undefined) return { malformed: "the record has no millrace header of JSON" };
  const parsed = eventHeader.safeParse(header);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return { malformed: `header ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}` };
}

/** Effects of one step are numbered below this, so that a `send`'s place in the journal is one number. */
const EFFECTS_PER_STEP_MAX = 1_000;

/** The stamp of a `send`: its place in the source journal, rising as the dispatcher reads it. */
export function sendStamp(journalOffset: number, index: number): number {
  return journalOffset * EFFECTS_PER_STEP_MAX + index;
}

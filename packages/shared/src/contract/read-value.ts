import * as z from "zod";
import { messageOf, OperationalError } from "../errors/operational.ts";
import { instanceStatuses } from "./instance.ts";
import type { JsonObject } from "./json.ts";
import type { Checkpoint, Mark, Refresh, Rejected, Step } from "./journal-record.ts";

/**
 * Values of records that somebody else may have written: read once, at the border, in the shape that
 * everything behind it relies on.
 */
const text = z.string().refine((value) => value.isWellFormed(), "half a character");
const name = text.min(1);
const object = z.record(z.string(), z.unknown());

const effect = {
  index: z.int().nonnegative(),
  verdict: z.object({ allow: z.boolean(), by: z.string() }),
};

const command = z.object({
  ...effect,
  kind: z.literal("command"),
  name,
  thing: z.string(),
  topic: name,
  format: z.enum(["json", "text", "bytes"]),
  qos: z.literal([0, 1]),
  deadline: z.number().optional(),
  supersede: z.boolean(),
  owed: z.boolean(),
});

const call = z.object({
  ...effect,
  kind: z.literal("call"),
  name,
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  timeoutMs: z.number(),
  retries: z.int(),
  invoke: z.string().optional(),
  owed: z.literal(true),
});

const publish = z.object({
  ...effect,
  kind: z.literal("publish"),
  topic: name,
  key: text,
  type: text,
});

const send = z.object({
  ...effect,
  kind: z.literal("send"),
  flow: name,
  key: name,
  type: name,
  payload: object,
});

const log = z.object({ ...effect, kind: z.literal("log"), level: z.string(), message: z.string() });

const parkable = z.discriminatedUnion("kind", [command, call]);

const stateValue: z.ZodType = z.union([z.string(), z.lazy(() => z.record(z.string(), stateValue))]);

const instance = z.object({
  ns: name,
  flow: name,
  key: name,
  version: z.string(),
  generation: z.int(),
  seq: z.int(),
  status: z.enum(instanceStatuses),
  state: stateValue,
  context: object,
  active: z.array(z.string()).optional(),
  history: z.record(z.string(), z.array(z.string())).optional(),
  timers: z
    .array(
      z.object({
        id: z.string(),
        due: z.number(),
        seq: z.int(),
        event: z.looseObject({ type: z.string() }).optional(),
      }),
    )
    .optional(),
  owed: z
    .record(
      z.string(),
      z.object({
        kind: z.enum(["command", "call"]),
        name: z.string(),
        deadline: z.number().optional(),
        invoke: z.string().optional(),
        parked: parkable.optional(),
        trace: z.string().optional(),
      }),
    )
    .optional(),
  thing: z.string().optional(),
  things: z.record(z.string(), z.string()).optional(),
  in: z.int(),
  ids: z.array(z.string()).optional(),
  startedAt: z.number(),
  updatedAt: z.number(),
});

const cause = z.object({ kind: z.string(), type: z.string(), effect: z.string().optional() });

const bookmark = z.object({ offset: z.int().nonnegative(), epoch: z.int(), n: z.int() });

const values = {
  step: z.object({
    at: z.number(),
    cause,
    from: stateValue.nullable(),
    effects: z.array(z.discriminatedUnion("kind", [command, call, publish, send, log])),
    instance,
  }),
  refresh: z.object({ instance }),
  rejected: z.object({
    at: z.number(),
    cause,
    code: z.string(),
    detail: z.string(),
    ns: name,
    flow: name.optional(),
    key: name.optional(),
    instance: instance.optional(),
  }),
  checkpoint: z.object({
    offset: z.int().nonnegative(),
    time: z.number(),
    stamps: z.record(z.string(), z.tuple([z.int(), z.number()])),
    dispatched: bookmark.optional(),
    floors: z.array(z.tuple([z.int(), z.number(), z.int()])),
  }),
  mark: z.object({
    trying: z
      .object({
        offset: z.int().optional(),
        timer: z.string().optional(),
        times: z.int(),
        worker: z.string(),
      })
      .optional(),
  }),
};

interface Values {
  step: Step;
  refresh: Refresh;
  rejected: Rejected;
  checkpoint: Checkpoint;
  mark: Mark;
}

/**
 * Reads the value of a record of the journal that counts.
 *
 * @throws OperationalError LOG-007 for one that no version of ours wrote
 */
export function readJournalValue<K extends keyof Values>(
  kind: K,
  { offset, value }: { readonly offset: number; readonly value: Buffer | null },
  partition: number,
): Values[K] {
  let parsed: unknown;
  let fault: string | undefined;
  try {
    parsed = JSON.parse(value?.toString("utf8") ?? "null");
    fault = faultOf(values[kind], parsed);
  } catch (error) {
    fault = messageOf(error);
  }
  if (fault === undefined) return parsed as Values[K];
  throw new OperationalError(
    "LOG-007",
    { topic: "journal", partition, offset, cause: fault },
    `journal/${partition} has a ${kind} at ${offset} that cannot be read: ${fault}`,
  );
}

/** @returns what keeps the value of a `parked` record from being an effect that can be put aside, or undefined */
export function parkedFault(value: JsonObject): string | undefined {
  return faultOf(parkable, value);
}

function faultOf(shape: z.ZodType, value: unknown): string | undefined {
  const issue = shape.safeParse(value).error?.issues[0];
  return issue && `${issue.path.join(".") || "the value"}: ${issue.message}`;
}

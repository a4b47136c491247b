import { instanceStatuses } from "@millrace/shared/contract/instance";
import { catalogue, type ErrorCode } from "@millrace/shared/errors/catalogue";
import * as z from "zod";

/** What the API answers, for its document; what is said of an instance may grow. */

const time = z.int().meta({ description: "ms since 1970, by the log's clock" });
const json = z.json();
const object = z.record(z.string(), z.unknown());

const stateValue = z
  .lazy((): z.ZodType => z.union([z.string(), z.record(z.string(), stateValue)]))
  .meta({ id: "StateValue", description: "a state's name, or an object of parallel regions" });

const bindings = z
  .record(z.string(), z.string())
  .meta({ id: "Bindings", description: "names of things by roles" });

const named = z.object({ name: z.string(), topic: z.string() });

const flowMembers = {
  namespace: z.string(),
  name: z.string(),
  version: z.string().meta({ description: "content hash of the version that new instances run" }),
  description: z.string().optional(),
  origin: z.string().meta({ description: "the folder it came from, or `api`" }),
  retired: z.boolean(),
  roles: z.array(z.string()).optional(),
  inputs: z.array(named),
  commands: z.array(named),
};

export const flow = z.looseObject(flowMembers).meta({ id: "Flow" });

const file = object.meta({ description: "the flow as it was written, as JSON" });

export const flowVersion = z
  .object({ namespace: z.string(), name: z.string(), version: z.string(), file })
  .meta({ id: "FlowVersion" });

export const flowDetail = z
  .looseObject({
    ...flowMembers,
    file,
    versions: z
      .array(z.object({ version: z.string(), current: z.boolean() }))
      .meta({ description: "in the order in which they were first published" }),
  })
  .meta({ id: "FlowDetail" });

export const publishedFlow = z
  .object({
    namespace: z.string(),
    name: z.string(),
    version: z.string(),
    before: z.string().optional().meta({ description: "the version that was in force" }),
  })
  .meta({ id: "PublishedFlow" });

export const deployment = z
  .looseObject({
    namespace: z.string(),
    name: z.string(),
    flow: z.string(),
    things: bindings,
    origin: z.string(),
  })
  .meta({ id: "Deployment" });

export const instance = z
  .looseObject({
    namespace: z.string(),
    flow: z.string(),
    key: z.string(),
    version: z.string(),
    generation: z.int().meta({ description: "offset of the event that began it" }),
    seq: z.int().meta({ description: "steps taken by this generation" }),
    status: z.enum(instanceStatuses),
    state: stateValue,
    context: object,
    thing: z.string().optional(),
    things: bindings.optional(),
    timers: z.array(z.looseObject({ id: z.string(), due: time, seq: z.int() })),
    owed: z.array(
      z.looseObject({
        id: z.string(),
        kind: z.enum(["command", "call"]),
        name: z.string(),
        parked: z.boolean(),
        deadline: time.optional(),
      }),
    ),
    output: json.optional(),
    error: json.optional(),
    startedAt: time,
    updatedAt: time,
  })
  .meta({ id: "Instance" });

const cause = z
  .looseObject({
    kind: z.enum(["device", "timer", "result", "signal", "operator", "redrive"]),
    type: z.string(),
    offset: z.int().optional(),
    thing: z.string().optional(),
    client: z.string().optional(),
    topic: z.string().optional(),
    id: z.string().optional(),
    effect: z.string().optional(),
    due: time.optional(),
  })
  .meta({ id: "Cause", description: "what made an instance move" });

const effect = z
  .looseObject({
    index: z.int(),
    kind: z.enum(["command", "call", "publish", "send", "log"]),
  })
  .meta({ id: "Effect" });

export const step = z
  .looseObject({
    seq: z.int(),
    at: time,
    cause,
    payload: json.optional().meta({
      description:
        "of the cause, as it came: JSON where it is JSON, else {base64}; of one above 16 KiB its size and how it begins; a timer has none",
    }),
    noPayload: z.enum(["deleted", "not-read"]).optional().meta({
      description:
        "why there is no payload: the log has deleted it, or there was no time to read it",
    }),
    from: z.union([stateValue, z.null()]),
    to: stateValue,
    effects: z.array(effect),
    verdicts: z.array(z.looseObject({ effect: z.int(), allow: z.boolean(), by: z.string() })),
    traceId: z.string().optional(),
    context: object,
  })
  .meta({ id: "Step" });

export const rejection = z
  .looseObject({
    id: z.string(),
    namespace: z.string(),
    partition: z.int(),
    offset: z.int(),
    at: time,
    cause,
    code: z.string(),
    detail: z.string(),
    flow: z.string().optional(),
    key: z.string().optional(),
    payload: json.meta({ description: "as it came: JSON where it is JSON, else {base64}" }),
    traceId: z.string().optional().meta({ description: "of its input; it keeps it when redriven" }),
  })
  .meta({ id: "Rejection" });

const tracedStep = z
  .looseObject({
    partition: z.int(),
    offset: z.int(),
    at: time.meta({ description: "when the journal took it" }),
    decidedAt: time,
    traceparent: z.string(),
    flow: z.string().optional(),
    key: z.string().optional(),
    seq: z.int().optional(),
    cause,
    from: z.union([stateValue, z.null()]).optional(),
    to: stateValue.optional(),
    rejected: z.object({ code: z.string(), detail: z.string() }).optional(),
    effects: z.array(z.object({ id: z.string(), kind: z.string(), name: z.string() })),
    input: z
      .object({
        offset: z.int(),
        at: time,
        payload: json.meta({ description: "as a history shows it" }),
        original: z.object({ at: time, partition: z.int(), offset: z.int() }).optional(),
      })
      .optional()
      .meta({ description: "the event that it came of; of a copy, the original with it" }),
  })
  .meta({ id: "TracedStep" });

export const tracePage = z
  .object({
    items: z.array(tracedStep),
    searched: z.int().meta({ description: "records that were looked at for this page" }),
    partition: z.int(),
    partitions: z.int(),
    next: z.string().optional().meta({ description: "`cursor` of the next page" }),
  })
  .meta({ id: "TracePage" });

export const receipt = z
  .object({
    id: z.string().meta({ description: "by which a repeat is taken once" }),
    partition: z.int(),
    offset: z.int(),
  })
  .meta({ id: "Receipt", description: "where the log has it" });

export const bulkPage = z
  .object({
    count: z.int().meta({ description: "how many of this page it is, or would be, done to" }),
    next: z
      .string()
      .optional()
      .meta({ description: "the cursor to go on with, where there is more" }),
  })
  .meta({ id: "BulkPage" });

export const migrationPage = z
  .object({
    to: z.string().meta({ description: "the version that they go on with" }),
    count: z.int().meta({ description: "how many of this page are, or would be, migrated" }),
    states: z.array(
      z.object({
        state: stateValue,
        becomes: stateValue.optional().meta({
          description: "absent where the version has no such state: those stay as they are",
        }),
        count: z.int(),
      }),
    ),
    next: z
      .string()
      .optional()
      .meta({ description: "the cursor to go on with, where there is more" }),
  })
  .meta({ id: "MigrationPage" });

export const journalEvent = z
  .looseObject({
    kind: z.enum(["step", "rejected"]),
    partition: z.int(),
    offset: z.int(),
    at: time,
    namespace: z.string(),
    flow: z.string().optional(),
    key: z.string().optional(),
    cause,
    seq: z.int().optional(),
    status: z.enum(instanceStatuses).optional(),
    from: z.union([stateValue, z.null()]).optional(),
    to: stateValue.optional(),
    effects: z.array(effect).optional(),
    code: z.string().optional(),
    detail: z.string().optional(),
    traceId: z.string().optional(),
  })
  .meta({ id: "JournalEvent" });

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(catalogue) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    facts: object,
  })
  .meta({ id: "Problem", description: "RFC 9457; each code has a page in docs/errors" });

/** A page of a list. */
export function pageOf(item: z.ZodType): z.ZodType {
  return z.object({
    items: z.array(item),
    next: z
      .string()
      .optional()
      .meta({ description: "the cursor of the next page, if there is one" }),
  });
}

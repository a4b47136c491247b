import * as z from "zod";
import { operatorActions } from "@millrace/shared/contract/event-record";
import { instanceStatuses } from "@millrace/shared/contract/instance";
import { type Json, jsonFault } from "@millrace/shared/contract/json";
import { DEFAULT_NAMESPACE, NAME_BYTES_MAX } from "@millrace/shared/contract/names";
import { parseDurationMs } from "@millrace/shared/contract/time";

/** What the API takes, checked once at this border. */
const namespace = z.string().min(1).max(64).default(DEFAULT_NAMESPACE);
const limit = z.coerce.number().int().min(1).max(500).default(50);

const instanceCursor = z
  .string()
  .regex(/^[^/]+\/[^/]+\/[^/]+$/, "not a cursor that a page gave")
  .optional();

export const instancesQuery = z.strictObject({
  namespace,
  flow: z.string().min(1).optional(),
  state: z.string().min(1).optional(),
  thing: z.string().min(1).optional(),
  status: z.enum(instanceStatuses).optional(),
  cursor: instanceCursor,
  limit,
});

export const flowPath = z.object({ name: z.string().min(1) });

const version = z.string().regex(/^[0-9a-f]{8,24}$/, "not a version, or the first 8 digits of it");

export const flowVersionPath = z.object({
  name: z.string().min(1),
  version,
});

export const publishBody = z.strictObject({
  /** YAML or JSON, one flow or several. */
  text: z.string().min(1),
  /** What it is called where a fault of it is told. */
  file: z.string().min(1).max(1_024).default("flow.yaml"),
});

export const deploymentsQuery = z.strictObject({
  namespace,
  flow: z.string().min(1).optional(),
  thing: z.string().min(1).optional(),
  cursor: z.string().min(1).optional(),
  limit,
});

const name = z.string().min(1).max(NAME_BYTES_MAX);

export const deploymentPath = z.object({ name });

export const instancePath = z.object({ flow: name, key: name });

/** Of what is found by its name. */
export const namedQuery = z.strictObject({ namespace });

export const historyQuery = z.strictObject({
  namespace,
  /** A seq: steps before it. */
  cursor: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const tracePath = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/, "a trace id has 32 digits, 0 to f"),
});

export const traceQuery = z.strictObject({
  namespace,
  since: z
    .string()
    .refine((text) => parseDurationMs(text) !== undefined, "not a duration, as 90s, 15m, 1h or 2d")
    .default("1h")
    .meta({ description: "how far back to search: a duration" }),
  cursor: z
    .string()
    .regex(/^\d{1,5}(-\d{1,15})?$/, "not a cursor that a page gave")
    .optional(),
});

const rejectedCursor = z
  .string()
  .regex(/^\d{1,15}\/\d{1,5}\/\d{1,15}$/, "not a cursor that a page gave")
  .optional();

const text = z.string().min(1).max(NAME_BYTES_MAX).optional();

const rejectedFilter = {
  flow: text,
  key: text,
  thing: text,
  code: text,
};

const time = z.coerce.number().int().nonnegative().max(1e15).optional();

export const rejectedQuery = z.strictObject({
  namespace,
  ...rejectedFilter,
  since: time,
  until: time,
  cursor: rejectedCursor,
  limit,
});

const bulk = {
  namespace,
  preview: z.boolean().default(false),
  limit: z.int().min(1).max(500).default(100),
  max: z
    .int()
    .nonnegative()
    .max(1e9)
    .default(100)
    .meta({ description: "refuse where there are more from this page on" }),
};

/** Whatever there is, and not for want of a filter that somebody forgot. */
const all = z.literal(true).optional().meta({ description: "in place of a filter: all there are" });

function isNarrow(body: object, filters: readonly string[]): boolean {
  const { all: isForAll } = body as { readonly all?: true };
  return (
    isForAll === true || filters.some((one) => (body as Record<string, unknown>)[one] !== undefined)
  );
}

const unfiltered = (filters: readonly string[]) => ({
  path: ["all"],
  error: `say which by one of ${filters.join(", ")}; or true, for all there are`,
});

const redriveFilters = ["flow", "key", "thing", "code", "since"];

export const bulkRedriveBody = z
  .strictObject({
    ...bulk,
    ...rejectedFilter,
    all,
    since: z.int().nonnegative().max(1e15).optional(),
    until: z.int().nonnegative().max(1e15).optional(),
    cursor: rejectedCursor,
  })
  .refine((body) => isNarrow(body, redriveFilters), unfiltered(redriveFilters));

const reason = z.string().min(1).max(1_000).optional();

const signalType = z
  .string()
  .min(1)
  .max(128)
  .regex(/^(?!xstate\.)/, "names beginning with `xstate.` are the machine's own");

const signalPayload = z
  .record(z.string(), z.custom<Json>())
  .default({})
  .superRefine((payload, context) => {
    const fault = jsonFault(payload);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });

const bulkOfInstances = {
  ...bulk,
  all,
  flow: text,
  state: text,
  thing: text,
  status: z.enum(instanceStatuses).optional(),
  cursor: instanceCursor,
};

const instanceFilters = ["flow", "state", "thing", "status"];

export const bulkOperateBody = z
  .discriminatedUnion("action", [
    z.strictObject({ ...bulkOfInstances, action: z.enum(operatorActions), reason }),
    z.strictObject({
      ...bulkOfInstances,
      action: z.literal("signal"),
      type: signalType,
      payload: signalPayload,
    }),
  ])
  .refine((body) => isNarrow(body, instanceFilters), unfiltered(instanceFilters));

export const migrateBody = z.strictObject({
  ...bulk,
  from: version.optional(),
  to: version.optional(),
  map: z.record(z.string().min(1).max(1_024), z.string().min(1).max(1_024)).default({}),
  reason,
  cursor: instanceCursor,
});

export const operateBody = z.strictObject({
  reason,
  id: z.string().min(1).max(128).optional(),
});

export const rejectedPath = z.object({
  id: z.string().regex(/^\d{1,5}-\d{1,15}$/, "not the id of a rejected input"),
});

export const journalQuery = z.strictObject({
  namespace,
  flow: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  kind: z.enum(["step", "rejected"]).optional(),
  /** To go on behind; from now on without it. */
  cursor: z.string().min(1).optional(),
});

export const signalBody = z.strictObject({
  type: signalType,
  payload: signalPayload,
  id: z.string().min(1).max(128).optional(),
});

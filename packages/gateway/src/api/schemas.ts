import * as z from "zod";
import { instanceStatuses } from "@millrace/shared/contract/instance";
import { type Json, jsonFault } from "@millrace/shared/contract/json";
import { DEFAULT_NAMESPACE, NAME_BYTES_MAX } from "@millrace/shared/contract/names";

/** What the API takes, checked once at this border. */
const namespace = z.string().min(1).max(64).default(DEFAULT_NAMESPACE);
const limit = z.coerce.number().int().min(1).max(500).default(50);

export const instancesQuery = z.strictObject({
  namespace,
  flow: z.string().min(1).optional(),
  state: z.string().min(1).optional(),
  thing: z.string().min(1).optional(),
  status: z.enum(instanceStatuses).optional(),
  cursor: z
    .string()
    .regex(/^[^/]+\/[^/]+\/[^/]+$/, "not a cursor that a page gave")
    .optional(),
  limit,
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

export const rejectedQuery = z.strictObject({
  namespace,
  flow: z.string().min(1).optional(),
  cursor: z
    .string()
    .regex(/^\d+\/\d+\/\d+$/, "not a cursor that a page gave")
    .optional(),
  limit,
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
  type: z
    .string()
    .min(1)
    .max(128)
    .regex(/^(?!xstate\.)/, "names beginning with `xstate.` are the machine's own"),
  payload: z
    .record(z.string(), z.custom<Json>())
    .default({})
    .superRefine((payload, context) => {
      const fault = jsonFault(payload);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    }),
  id: z.string().min(1).max(128).optional(),
});

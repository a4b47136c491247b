import * as z from "zod";
import { instanceStatuses } from "@millrace/shared/contract/instance";
import { type Json, jsonFault } from "@millrace/shared/contract/json";
import { DEFAULT_NAMESPACE } from "@millrace/shared/contract/names";
import { parseDurationMs } from "@millrace/shared/contract/time";

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

export const deploymentPath = z.object({ name: z.string().min(1) });

export const instancePath = z.object({ flow: z.string().min(1), key: z.string().min(1) });

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
  /** How far back to search. */
  since: z
    .string()
    .default("1h")
    .transform((text, context) => {
      const ms = parseDurationMs(text);
      if (ms !== undefined) return ms;
      context.addIssue({ code: "custom", message: "not a duration, as 90s, 15m, 1h or 2d" });
      return z.NEVER;
    }),
  cursor: z
    .string()
    .regex(/^\d+(-\d+)?$/, "not a cursor that a page gave")
    .transform((text) => {
      const [partition = 0, below] = text.split("-").map(Number);
      return { partition, below };
    })
    .optional(),
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

export const signalBody = z.strictObject({
  type: z
    .string()
    .min(1)
    .max(128)
    .refine((type) => !type.startsWith("xstate."), {
      error: "names beginning with `xstate.` are the machine's own",
    }),
  payload: z
    .record(z.string(), z.custom<Json>())
    .default({})
    .superRefine((payload, context) => {
      const fault = jsonFault(payload);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    }),
  id: z.string().min(1).max(128).optional(),
});

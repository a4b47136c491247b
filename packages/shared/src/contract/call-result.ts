import type { Json, JsonObject } from "./json.ts";

/** Why a call came to nothing; `event.error.reason` of a flow. docs/flows.md says what each one means. */
export const callErrorReasons = [
  "timeout",
  "dns",
  "refused",
  "connection",
  "tls",
  "status",
  "too-large",
  "not-allowed",
  "invalid",
  "secret",
  "circuit-open",
  "queue-full",
  "denied",
  "rejected",
] as const;
export type CallErrorReason = (typeof callErrorReasons)[number];

/** What a call was answered, with a status from 200 to 299; `event.output` of a flow. */
export interface CallAnswer extends JsonObject {
  readonly status: number;
  /** The few that flows have a use for, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON as a value, text as text, anything else in base64; null where there was nothing. */
  readonly body: Json;
}

/** Why a call came to nothing; `event.error` of a flow. */
export interface CallError extends JsonObject {
  readonly reason: CallErrorReason;
  readonly message: string;
  /** How many requests went out; absent where the answer was good, and `rejected`. */
  readonly attempts?: number;
  /** Of the last answer, where `reason` is `status` or `too-large`. */
  readonly status?: number;
  readonly body?: Json;
}

import type { Instance } from "../contract/instance.ts";
import type { Json } from "../contract/json.ts";
import type { Cause, Rejected, RejectionCode, Step } from "../contract/journal-record.ts";
import type { InstanceRef } from "../contract/names.ts";
import type { EpochMs } from "../contract/time.ts";
import { Bug } from "../errors/assert.ts";
import { EffectError } from "../flow/effect-name.ts";
import { ExpressionError } from "../flow/expression-error.ts";

/** What an input came to. Errors are answers, too. */
export type Decision =
  | {
      readonly kind: "step";
      readonly step: Step;
      /** The step, encoded. */
      readonly json: string;
      /** Its instance, encoded: a part of `json`. */
      readonly instanceJson: string;
    }
  | { readonly kind: "rejected"; readonly rejected: Rejected }
  | { readonly kind: "ignored"; readonly why: Ignored };

/** Why an input changes nothing and is not written down; counted by these names. */
export const ignoredReasons = [
  "no-transition",
  "repeat",
  "outcome-not-awaited",
  "timer-gone",
  "no-listener",
  "unknown-version",
  "no-room",
  "not-so",
] as const;
export type Ignored = (typeof ignoredReasons)[number];

export function ignored(why: Ignored): Decision {
  return { kind: "ignored", why };
}

/** The input that an answer is about. */
export interface Subject {
  readonly at: EpochMs;
  readonly cause: Cause;
  readonly to: InstanceRef;
  readonly payload: Json;
}

/** The rejection that an input comes to when its transition threw. A fault of ours is no rejection. */
export function rejectionOf(error: unknown, of: Subject): Decision {
  if (error instanceof Bug) throw error;
  const { message } = error instanceof Error ? error : new Error(String(error));
  return reject(of, codeOf(error, message), innermost(message));
}

function codeOf(error: unknown, message: string): RejectionCode {
  if (error instanceof Refusal) return error.code;
  if (error instanceof EffectError) return "bad-effect";
  if (error instanceof ExpressionError) return "expression";
  return message.startsWith("Infinite loop detected") ? "microsteps" : "expression";
}

/** XState wraps what a guard threw into its own words, with the guard's on a line of their own. */
function innermost(message: string): string {
  return message.startsWith("Unable to evaluate guard")
    ? message.split("\n").slice(1).join(" ")
    : message;
}

export function reject(
  of: Subject,
  code: RejectionCode,
  detail: string,
  instance?: Instance,
): Decision {
  const { at, cause, to, payload } = of;
  return {
    kind: "rejected",
    rejected: {
      at,
      cause,
      code,
      detail,
      ns: to.ns,
      flow: to.flow,
      key: to.key,
      payload,
      ...(instance && { instance }),
    },
  };
}

/** An instance that is paused takes nothing; what comes is kept as rejected, to be given again. */
export function rejectPaused(of: Subject): Decision {
  const detail = "the instance is paused; resume it, then redrive this";
  return reject(of, "paused", detail);
}

/** Thrown where a transition may not be taken, with the code that its rejection gets. */
export class Refusal extends Error {
  readonly code: RejectionCode;

  constructor(code: RejectionCode, message: string) {
    super(message);
    this.code = code;
  }
}

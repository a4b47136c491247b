import { type Change, changesBetween } from "@millrace/shared/contract/changes";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Rejected, Step } from "@millrace/shared/contract/journal-record";
import type { Decision } from "@millrace/shared/core/decision";

/** What stands in the journal of an input: a step, a rejection, or nothing. */
export type Outcome =
  | { readonly kind: "step"; readonly step: Step; readonly text: string }
  | { readonly kind: "rejected"; readonly rejected: Rejected }
  | { readonly kind: "nothing" };

/**
 * What a decision has other than the journal: nothing where it would be journalled the same today.
 *
 * Words of a rejection are left out: they may become clearer. So are traces, and the version, where it is
 * another.
 *
 * @param version that decided now, where it is not the recorded one
 */
export function compare(was: Outcome, now: Decision, version?: string): readonly Change[] {
  if (was.kind === "step" && now.kind === "step") {
    const { step, text } = was;
    if (withVersion(text, step.instance.version, version) === now.json) return [];
    return changesBetween(subjectOf(step, version), subjectOf(now.step, version));
  }
  if (was.kind === "rejected" && now.kind === "rejected") {
    const { rejected: before } = was;
    const { rejected: after } = now;
    return changesBetween(
      { code: before.code, cause: before.cause, instance: before.instance },
      { code: after.code, cause: after.cause, instance: after.instance },
    );
  }
  if (was.kind === "nothing" && now.kind === "ignored") return [];
  return [{ path: "outcome", was: outcomeWas(was), now: outcomeNow(now) }];
}

/** The journal's text, as it would be with another version. Where that guess is wrong, all is compared. */
function withVersion(text: string, before: string, now: string | undefined): string {
  return now === undefined ? text : text.replace(`"version":"${before}"`, `"version":"${now}"`);
}

function subjectOf({ instance, ...step }: Step, version: string | undefined): object {
  const { version: own, owed, ...members } = instance;
  return {
    ...members,
    ...(owed !== undefined && { owed: untraced(owed) }),
    ...step,
    ...(version === undefined && { version: own }),
  };
}

/** By which trace an effect is followed is nothing that was decided. */
function untraced(owed: NonNullable<Instance["owed"]>): object {
  const entries = Object.entries(owed).map(([key, { trace: _trace, ...one }]) => [key, one]);
  return Object.fromEntries(entries) as object;
}

function outcomeWas(outcome: Outcome): string {
  if (outcome.kind === "step") return `a step to ${JSON.stringify(outcome.step.instance.state)}`;
  return outcome.kind === "rejected" ? `rejected, ${outcome.rejected.code}` : "nothing";
}

function outcomeNow(decision: Decision): string {
  if (decision.kind === "step") return `a step to ${JSON.stringify(decision.step.instance.state)}`;
  if (decision.kind === "ignored") return `nothing, ${decision.why}`;
  return `rejected, ${decision.rejected.code}: ${decision.rejected.detail}`;
}

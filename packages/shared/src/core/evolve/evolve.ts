import type { Instance } from "../../contract/instance.ts";
import type { Refresh, Rejected, Step } from "../../contract/journal-record.ts";

/**
 * The only place where an instance changes.
 *
 * Whoever reads a journal goes through here; what is journalled is never decided again. (Its owner has
 * the instance at hand that it has just written into the step: the same one.) A released entry is never
 * edited: a new meaning is a new version beside it.
 */
export interface Recorded {
  readonly "step@1": Step;
  readonly "rejected@1": Rejected;
  readonly "refresh@1": Refresh;
}

type Appliers = {
  readonly [K in keyof Recorded]: (
    instance: Instance | undefined,
    record: Recorded[K],
  ) => Instance | undefined;
};

const appliers: Appliers = {
  "step@1": (_instance, step) => step.instance,
  "rejected@1": (instance, rejected) => rejected.instance ?? instance,
  "refresh@1": (_instance, refresh) => refresh.instance,
};

/** @param instance undefined where there was none @returns the instance after the record */
export function evolve<K extends keyof Recorded>(
  instance: Instance | undefined,
  kind: K,
  record: Recorded[K],
): Instance | undefined {
  return appliers[kind](instance, record);
}

import type { Change } from "@millrace/shared/contract/changes";
import type { Effect } from "@millrace/shared/contract/effect";
import type { Cause } from "@millrace/shared/contract/journal-record";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";

/** Where an instance, or a record that was for none, first came out otherwise. */
export interface Difference {
  /** undefined for what is wrong with a record of `events`, whoever it was for. */
  readonly instance: InstanceId | undefined;
  readonly partition: number;
  /** Of the record of the journal; undefined where there was none. */
  readonly offset: number | undefined;
  readonly seq: number | undefined;
  readonly at: EpochMs;
  readonly cause: Cause;
  readonly changes: readonly Change[];
}

/** Why an input, or all of an instance, could not be decided again. */
export type Undecided =
  /** The record of `events` is no longer in the log. */
  | "payload-gone"
  /** The registry does not have the version that the instance ran. */
  | "unknown-version"
  /** It was rejected unread, as `poison`. */
  | "poison"
  /** Flow or deployment changed then: nobody knows which of both the engine knew. */
  | "registry-changed"
  /** The other version has no such state as the one that the instance was in when the range begins. */
  | "state-unmapped"
  /** The other version would take the event to an instance of another partition. */
  | "elsewhere"
  /** The other version's timers fire again and again. */
  | "timers-without-end";

/** Effects of one kind and name, of the instances that differ. */
export interface EffectTally {
  readonly kind: Effect["kind"];
  readonly name: string;
  readonly was: number;
  readonly now: number;
  /** Asked for in the same step, with something else in them. */
  readonly changed: number;
}

export interface Summary {
  /** Instances with an input in the range. */
  readonly instances: number;
  /** Instances, and records for none, that came out otherwise. */
  readonly differ: number;
  /** Steps of the journal that were compared, and rejections. */
  readonly steps: number;
  readonly rejections: number;
  /** Inputs that were decided: those that changed nothing then, too, and the other version's timers. */
  readonly decided: number;
  readonly undecided: Readonly<Partial<Record<Undecided, number>>>;
  /** Only with another version. */
  readonly effects: readonly EffectTally[];
}

export class Tally {
  instances = 0;
  differ = 0;
  steps = 0;
  rejections = 0;
  decided = 0;
  readonly #undecided = new Map<Undecided, number>();
  readonly #effects = new Map<string, { was: number; now: number; changed: number }>();

  missed(why: Undecided, count = 1): void {
    this.#undecided.set(why, (this.#undecided.get(why) ?? 0) + count);
  }

  /** @param place `kind name` */
  addEffects(place: string, { was, now, changed }: EffectCounts): void {
    const known = this.#effects.get(place) ?? { was: 0, now: 0, changed: 0 };
    known.was += was;
    known.now += now;
    known.changed += changed;
    this.#effects.set(place, known);
  }

  summary(): Summary {
    const { instances, differ, steps, rejections, decided } = this;
    const effects = Array.from(this.#effects, ([place, counts]): EffectTally => {
      const space = place.indexOf(" ");
      const kind = place.slice(0, space) as Effect["kind"];
      return { kind, name: place.slice(space + 1), ...counts };
    });
    return {
      instances,
      differ,
      steps,
      rejections,
      decided,
      undecided: Object.fromEntries(this.#undecided),
      effects,
    };
  }
}

export interface EffectCounts {
  was: number;
  now: number;
  changed: number;
}

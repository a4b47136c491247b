import type { Position } from "@millrace/shared/contract/position";
import { blankFold, bookmarkAt, Fold, type Folded } from "./fold.ts";
import { decide, type Effect, type Instance, isExpired, isSame } from "./instance.ts";
import type { JournalRecord, Log } from "./records.ts";
import type { Rules } from "./rules.ts";

/** An effect of a step that counts. */
interface Decided {
  readonly effect: Effect;
  readonly offset: number;
}

/** One step that counts, for the check of what became of each input. */
interface Taken {
  readonly instance: Instance;
  /** Offset of its event; of a timer, how far the input was. */
  readonly at: number;
  readonly isTimer: boolean;
}

/**
 * What every reader of a journal has to agree upon: the fold of all of it, kept for every offset, from
 * before anything was cut. It looks at each record as it lands.
 */
export class Truth {
  readonly #journal: Log<JournalRecord>;
  readonly #rules: Rules;
  readonly #fold: Fold;
  readonly #after: Folded[] = [blankFold];
  readonly #steps = new Set<string>();
  readonly #floors = new Set<number>();
  readonly counts = new Set<number>();
  readonly effects = new Map<string, Decided>();
  readonly taken = new Map<string, Taken[]>();

  constructor(journal: Log<JournalRecord>, rules: Rules) {
    this.#journal = journal;
    this.#rules = rules;
    this.#fold = new Fold(blankFold, rules);
  }

  get now(): Folded {
    return this.#after.at(-1) ?? blankFold;
  }

  /** The fold of all records below an offset. */
  below(offset: number): Folded {
    return this.#after[offset] ?? blankFold;
  }

  hasTaken(id: string, key: string): boolean {
    return this.#steps.has(`${id} by ${key}`);
  }

  /** Takes the record that has just landed. @returns what is wrong with it */
  land(offset: number, record: JournalRecord, time: number): string | undefined {
    const before = this.now;
    const reading = this.#fold.take(offset, record);
    if (reading === "gap") return `a gap before journal offset ${offset}`;
    if (reading !== "counts") {
      this.#after.push({ ...before, bookmark: this.#fold.bookmark });
      return undefined;
    }
    this.counts.add(offset);
    const { bookmark, position } = this.#fold;
    const instances =
      record.instance === undefined ? before.instances : new Map(this.#fold.instances);
    this.#after.push({ bookmark, position, instances });
    return this.#wrongStep(offset, record, before) ?? this.#wrongFloor(offset, record, time);
  }

  #wrongStep(offset: number, record: JournalRecord, before: Folded): string | undefined {
    const { kind, cause, instance, effects = [] } = record;
    if (instance === undefined) return undefined;
    const { key } = instance;
    const known = before.instances.get(key);
    if (cause === undefined) {
      return isSame(known, instance)
        ? undefined
        : `${kind} of ${key} at ${offset} is not its state`;
    }
    const step = `${cause.id} by ${key}`;
    if (this.#steps.has(step)) return `stepped twice: ${step}`;
    this.#steps.add(step);
    const isTimer = cause.input === "timer";
    const at = cause.input === "timer" ? cause.at : cause.input.offset;
    this.taken.set(key, [...(this.taken.get(key) ?? []), { instance, at, isTimer }]);
    for (const effect of effects) this.effects.set(effect.id, { effect, offset });
    const expected = decide(key, known, cause.input)?.instance;
    return isSame(expected, instance) ? undefined : `fork of ${key} at ${offset}: ${cause.id}`;
  }

  /** A fold from a floor that is named is the fold from the beginning. */
  #wrongFloor(at: number, record: JournalRecord, time: number): string | undefined {
    const { floor } = record;
    if (floor === undefined || this.#floors.has(floor)) return undefined;
    // Further from its claim than its n, it counts, and nobody takes a floor from it.
    if (this.#rules.floorVerified && at - (record.e ?? 0) !== record.n) return undefined;
    this.#floors.add(floor);
    const { checkpoint } = this.#journal.at(floor) ?? {};
    if (checkpoint === undefined || !this.counts.has(floor)) return `floor ${floor} does not count`;
    const bookmark = bookmarkAt(this.#journal, floor);
    const fold = new Fold({ ...blankFold, bookmark, position: checkpoint.position }, this.#rules);
    for (let at = floor; at < this.#journal.end; at++) {
      fold.take(at, this.#journal.at(at) as JournalRecord);
    }
    const difference = differenceOf(fold, this.now, time);
    return difference && `the fold from floor ${floor} is another: ${difference}`;
  }
}

/** @returns how a fold differs from the whole one; what has ended long ago may be absent */
export function differenceOf(fold: Folded, whole: Folded, time: number): string | undefined {
  for (const [key, instance] of whole.instances) {
    const held = fold.instances.get(key);
    if (held === undefined && isExpired(instance, time)) continue;
    if (held === undefined) return `${key} is missing`;
    if (!isSame(held, instance)) return `${key} is another`;
  }
  return differenceOfPositions(fold.position, whole.position);
}

/** A fold that is still being rebuilt has some of the instances, and these as they are. */
export function differenceOfPart(fold: Folded, whole: Folded): string | undefined {
  for (const [key, instance] of fold.instances) {
    if (!isSame(whole.instances.get(key), instance)) return `${key} is another`;
  }
  return differenceOfPositions(fold.position, whole.position);
}

function differenceOfPositions(a: Position, b: Position): string | undefined {
  if (a.offset !== b.offset || a.time !== b.time) return "the input position";
  const same = a.stamps.size === b.stamps.size && [...a.stamps].every(isIn);
  return same ? undefined : "the stamps";

  function isIn([writer, { n, time }]: readonly [string, { n: number; time: number }]): boolean {
    const other = b.stamps.get(writer);
    return other?.n === n && other.time === time;
  }
}

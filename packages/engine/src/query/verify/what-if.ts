import { type Instance, isEnded, nextDue, type Owed } from "@millrace/shared/contract/instance";
import type { Effect } from "@millrace/shared/contract/effect";
import type { Cause } from "@millrace/shared/contract/journal-record";
import { effectId, type InstanceId, instanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import { decide } from "@millrace/shared/core/decide/decide";
import { owedKey } from "@millrace/shared/core/decide/result";
import { type Decision, ignored } from "@millrace/shared/core/decision";
import type { Input } from "@millrace/shared/core/input";
import { mapState, migrated } from "@millrace/shared/core/migration";
import type { World } from "@millrace/shared/core/world";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { inputFor } from "../../runtime/input-for.ts";
import { compare } from "./compare.ts";
import { EffectNotes } from "./effect-notes.ts";
import type { HeldInstances } from "./held-instances.ts";
import { causeOf, type Judge, Note, noteOf, type Recorded, type Taken } from "./judge.ts";
import type { Difference, Tally, Undecided } from "./report.ts";

/** Timers of one instance that fire between two of its inputs: a year of them, a minute each. */
const TIMERS_MAX = 500_000;

const nothing = { kind: "nothing" } as const;

/** An instance as the other version has it. */
export class WhatIfNote extends Note {
  /** Whether it is the other version's by now, not one that the journal had before the range. */
  isTaken = false;
  /** Whether it cannot be told what would have become of it. */
  isLeftOut = false;
  /** What the journal's instance owes: results are of its effects. */
  owedThen: Instance["owed"];
  readonly effects = new EffectNotes();
}

/**
 * What would another version of a flow have done? An instance takes every input that the journal has of
 * it. From the first difference on it has a state of its own: its own timers fire when the log's time
 * passes them, and a result is one of its own effect of that name, if it waits for one.
 */
export class WhatIf implements Judge {
  readonly #partition: number;
  readonly #held: HeldInstances<WhatIfNote>;
  readonly #flow: Flow;
  readonly #catalogue: Catalogue;
  readonly #world: World;
  /** With the versions that the journal's instances run. */
  readonly #before: World;
  /** The log's time where the range begins. */
  #begin = 0;

  constructor(
    partition: number,
    held: HeldInstances<WhatIfNote>,
    flow: Flow,
    catalogue: Catalogue,
    { world, before }: { readonly world: World; readonly before: World },
  ) {
    this.#partition = partition;
    this.#held = held;
    this.#flow = flow;
    this.#catalogue = catalogue;
    this.#world = world;
    this.#before = before;
  }

  begin(time: EpochMs): void {
    this.#begin = time;
  }

  wants(key: string): boolean {
    return this.#held.wants(key);
  }

  fold(instance: Instance): void {
    const id = instanceId(instance);
    this.#keep(id, this.#note(id, instance), JSON.stringify(instance));
  }

  #note(id: InstanceId, to: Taken["to"]): WhatIfNote {
    return noteOf(this.#held, id, to, () => new WhatIfNote());
  }

  take(taken: Taken): void {
    const { id, to, delivery, recorded, at } = taken;
    const note = this.#note(id, to);
    this.#adopt(note);
    if (note.isLeftOut && !note.touched) note.miss("state-unmapped");
    if (!note.isLeftOut) {
      const before = this.#fireOwn(id, to, note, at);
      const given = delivery && inputFor(before, delivery, this.#catalogue);
      const input = given && this.#ownInput(note, before, given);
      const decision =
        input === undefined ? ignored("no-listener") : decide(before, input, this.#world);
      this.#settle(id, note, recorded, decision, at, causeOf(taken));
    }
    this.#follow(note, recorded);
  }

  timer(recorded: Recorded): void {
    const { id, to, at, cause } = recorded;
    const note = this.#note(id, to);
    const due = cause.due ?? this.deadlineOf(id, cause.effect ?? "") ?? at;
    this.#adopt(note);
    if (note.isLeftOut && !note.touched) note.miss("state-unmapped");
    if (!note.isLeftOut) {
      const before = this.#fireOwn(id, to, note, due - 1);
      const isOwn = before !== undefined && nextDue(before) === due;
      const decision = isOwn
        ? decide(before, { kind: "timer", to, at }, this.#world)
        : ignored("timer-gone");
      this.#settle(id, note, recorded, decision, at, cause);
    }
    this.#follow(note, recorded);
  }

  /** An instance from before the range goes on with the other version, if that has its states. */
  #adopt(note: WhatIfNote): void {
    if (note.isTaken) return;
    note.isTaken = true;
    const before = note.instance;
    if (before === undefined) return;
    note.owedThen = before.owed;
    if (isEnded(before)) return;
    const mapped = mapState(this.#flow, before.state, {});
    if ("missing" in mapped) {
      note.isLeftOut = true;
      return;
    }
    const { state } = mapped;
    const moved = migrated(before, this.#flow, { state, map: {}, at: this.#begin }, this.#before);
    note.json = JSON.stringify(moved);
  }

  /** Fires timers that the journal has no step for, up to and with a time. @returns what is there then */
  #fireOwn(id: InstanceId, to: Taken["to"], note: WhatIfNote, by: EpochMs): Instance | undefined {
    for (let fired = 0; ; fired++) {
      const before = note.instance;
      const due = before && nextDue(before);
      if (due === undefined || due > by) return before;
      if (fired === TIMERS_MAX) {
        note.isLeftOut = true;
        note.miss("timers-without-end");
        return before;
      }
      const decision = decide(before, { kind: "timer", to, at: due }, this.#world);
      if (decision.kind === "ignored") return before;
      const cause = decision.kind === "step" ? decision.step.cause : decision.rejected.cause;
      this.#settle(id, note, undefined, decision, due, cause);
    }
  }

  /** A result as one of the instance's own effects. @returns undefined where it waits for none */
  #ownInput(note: WhatIfNote, before: Instance | undefined, input: Input): Input | undefined {
    if (note.difference === undefined) return input;
    if (input.kind !== "result" && input.kind !== "parked") return input;
    const id = input.kind === "result" ? input.effect : input.effectId;
    const key = owedKey(id) ?? "";
    const then = note.owedThen?.[key] ?? (input.kind === "parked" ? input.effect : undefined);
    const own = then && "name" in then ? ownKey(before?.owed, key, then) : undefined;
    if (before === undefined || own === undefined) return undefined;
    const [generation = 0, seq = 0, index = 0] = own.split("/").map(Number);
    const effect = effectId(before, generation, seq, index);
    return input.kind === "result" ? { ...input, effect } : { ...input, effectId: effect };
  }

  #settle(
    id: InstanceId,
    note: WhatIfNote,
    recorded: Recorded | undefined,
    decision: Decision,
    at: EpochMs,
    cause: Cause,
  ): void {
    const outcome = recorded?.outcome ?? nothing;
    note.count(recorded);
    if (note.difference === undefined) {
      const changes = compare(outcome, decision, this.#flow.version);
      if (changes.length > 0)
        note.differ({ id, recorded, at, partition: this.#partition }, cause, changes);
    }
    if (note.difference !== undefined)
      note.effects.add(
        outcome.kind === "step" ? outcome.step.effects : [],
        decision.kind === "step" ? decision.step.effects : [],
      );
    if (decision.kind === "step") this.#keep(id, note, decision.instanceJson);
    else if (decision.kind === "rejected" && decision.rejected.instance !== undefined)
      this.#keep(id, note, JSON.stringify(decision.rejected.instance));
  }

  #keep(id: InstanceId, note: WhatIfNote, json: string): void {
    note.json = json;
    this.#held.weigh(id, json.length * 2);
  }

  /** Takes note of what the journal's own instance owes. */
  #follow(note: WhatIfNote, recorded: Recorded | undefined): void {
    if (recorded === undefined) return;
    const { outcome } = recorded;
    const after = outcome.kind === "step" ? outcome.step.instance : outcome.rejected.instance;
    if (after !== undefined) note.owedThen = after.owed;
  }

  deadlineOf(id: InstanceId, effect: string): EpochMs | undefined {
    const note = this.#held.get(id);
    const owed = note?.isTaken === true ? note.owedThen : note?.instance?.owed;
    return owed?.[owedKey(effect) ?? ""]?.deadline;
  }

  /** The instance goes on without this input: what comes of it is not told. */
  miss(recorded: Recorded, why: Undecided): void {
    const note = this.#note(recorded.id, recorded.to);
    this.#adopt(note);
    note.miss(why);
    note.isLeftOut = true;
    this.#follow(note, recorded);
  }

  end(time: EpochMs): void {
    for (const [id, note] of this.#held.entries()) {
      this.#adopt(note);
      const { instance } = note;
      if (instance !== undefined && !note.isLeftOut) this.#fireOwn(id, instance, note, time);
    }
  }

  tell(tally: Tally, onDifference: (difference: Difference) => void): void {
    for (const [, note] of this.#held.entries()) {
      note.tell(tally, onDifference);
      note.effects.tell(tally);
    }
  }
}

/** Of what an instance owes, the effect of the same name: the same one, or the oldest. */
function ownKey(
  owed: Instance["owed"],
  key: string,
  then: Pick<Owed, "kind" | "name"> | Extract<Effect, { name: string }>,
): string | undefined {
  const isLike = (one: Owed | undefined): boolean =>
    one !== undefined && one.kind === then.kind && one.name === then.name;
  if (isLike(owed?.[key])) return key;
  return Object.keys(owed ?? {}).find((other) => isLike(owed?.[other]));
}

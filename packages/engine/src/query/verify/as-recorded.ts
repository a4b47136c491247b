import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import { type InstanceId, instanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import { decide } from "@millrace/shared/core/decide/decide";
import { owedKey } from "@millrace/shared/core/decide/result";
import { type Decision, ignored } from "@millrace/shared/core/decision";
import type { World } from "@millrace/shared/core/world";
import { evolve } from "@millrace/shared/core/evolve/evolve";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import { inputFor } from "../../runtime/input-for.ts";
import type { CatalogueThen } from "./catalogue-then.ts";
import { compare } from "./compare.ts";
import type { HeldInstances } from "./held-instances.ts";
import { causeOf, type Judge, Note, noteOf, type Recorded, type Taken } from "./judge.ts";
import type { Difference, Tally, Undecided } from "./report.ts";

/**
 * Does the engine decide now as it did then? Each input is decided anew by the version that decided it,
 * from the state that the journal has before it.
 */
export class AsRecorded implements Judge {
  readonly #partition: number;
  readonly #held: HeldInstances<Note>;
  readonly #then: CatalogueThen;
  readonly #world: World;
  readonly #flows: Pick<Catalogue, "current" | "version">;
  /** The version that an instance began with by this input: the registry may have changed just then. */
  #begins: string | undefined;

  constructor(
    partition: number,
    held: HeldInstances<Note>,
    then: CatalogueThen,
    worldOf: (catalogue: Catalogue) => World,
  ) {
    const { catalogue } = then;
    this.#partition = partition;
    this.#held = held;
    this.#then = then;
    this.#flows = {
      version: (version) => catalogue.version(version),
      current: (ns, name) =>
        this.#begins === undefined ? catalogue.current(ns, name) : catalogue.version(this.#begins),
    };
    this.#world = { ...worldOf(catalogue), current: this.#flows.current };
  }

  wants(key: string): boolean {
    return this.#held.wants(key);
  }

  fold(instance: Instance): void {
    const id = instanceId(instance);
    const note = noteOf(this.#held, id, instance, () => new Note());
    this.#keep(id, note, JSON.stringify(instance));
  }

  begin(): void {
    // The journal says what there is.
  }

  take(taken: Taken): void {
    const { id, to, delivery, recorded, at } = taken;
    const note = noteOf(this.#held, id, to, () => new Note());
    const before = note.instance;
    const running = before === undefined || isEnded(before) ? undefined : before;
    this.#begins = running === undefined ? versionBegun(recorded) : undefined;
    const version = running?.version ?? this.#begins;
    const isKnown = version === undefined || this.#flows.version(version) !== undefined;
    if (!isKnown && rejectedAs(recorded) !== "unknown-version")
      return this.#miss(id, note, recorded, "unknown-version");
    const redecide = (state: Instance | undefined): Decision => {
      const input = delivery && inputFor(state, delivery, this.#flows);
      return input === undefined ? ignored("no-listener") : decide(state, input, this.#world);
    };
    const then = recorded?.outcome ?? { kind: "nothing" };
    let decision = redecide(before);
    let changes = compare(then, decision);
    if (changes.length > 0 && before !== running && this.#begins !== undefined) {
      // One that has ended is kept for a while. It may have been gone.
      decision = redecide(undefined);
      changes = compare(then, decision);
    }
    if (changes.length > 0 && this.#isUncertain(version, taken))
      return this.#miss(id, note, recorded, "registry-changed");
    note.count(recorded);
    if (changes.length > 0)
      note.differ({ id, recorded, at, partition: this.#partition }, causeOf(taken), changes);
    this.#goOn(id, note, recorded, decision);
  }

  /** Whether the outcome hangs on what the engine knew of the registry, and that changed just then. */
  #isUncertain(version: string | undefined, { to }: Taken): boolean {
    const flow = version === undefined ? undefined : this.#flows.version(version);
    if (flow !== undefined && flow.roles === undefined) return false;
    return this.#then.changedNow(to.ns, to.flow);
  }

  timer(recorded: Recorded): void {
    const { id, to, at } = recorded;
    const note = noteOf(this.#held, id, to, () => new Note());
    const before = note.instance;
    if (before !== undefined && this.#flows.version(before.version) === undefined)
      return this.#miss(id, note, recorded, "unknown-version");
    const decision = decide(before, { kind: "timer", to, at }, this.#world);
    const changes = compare(recorded.outcome, decision);
    note.count(recorded);
    if (changes.length > 0)
      note.differ({ id, recorded, at, partition: this.#partition }, recorded.cause, changes);
    this.#goOn(id, note, recorded, decision);
  }

  deadlineOf(id: InstanceId, effect: string): EpochMs | undefined {
    return this.#held.get(id)?.instance?.owed?.[owedKey(effect) ?? ""]?.deadline;
  }

  miss(recorded: Recorded, why: Undecided): void {
    const { id, to } = recorded;
    this.#miss(
      id,
      noteOf(this.#held, id, to, () => new Note()),
      recorded,
      why,
    );
  }

  #miss(id: InstanceId, note: Note, recorded: Recorded | undefined, why: Undecided): void {
    note.miss(why);
    this.#goOn(id, note, recorded, undefined);
  }

  /** The instance goes on as the journal has it, whatever was decided now. */
  #goOn(
    id: InstanceId,
    note: Note,
    recorded: Recorded | undefined,
    decision: Decision | undefined,
  ): void {
    if (recorded === undefined) return;
    const { outcome } = recorded;
    if (outcome.kind === "step") {
      const isSame = decision?.kind === "step" && note.difference === undefined;
      const after = isSame ? decision.instanceJson : JSON.stringify(outcome.step.instance);
      this.#keep(id, note, after);
    } else if (outcome.rejected.instance !== undefined) {
      const after = evolve(undefined, "rejected@1", outcome.rejected);
      this.#keep(id, note, JSON.stringify(after));
    }
  }

  #keep(id: InstanceId, note: Note, json: string): void {
    note.json = json;
    this.#held.weigh(id, json.length);
  }

  end(): void {
    // Nothing happens between the inputs that the journal has.
  }

  tell(tally: Tally, onDifference: (difference: Difference) => void): void {
    for (const [, note] of this.#held.entries()) note.tell(tally, onDifference);
  }
}

function versionBegun(recorded: Recorded | undefined): string | undefined {
  const { outcome } = recorded ?? {};
  return outcome?.kind === "step" && outcome.step.from === null
    ? outcome.step.instance.version
    : undefined;
}

function rejectedAs(recorded: Recorded | undefined): string | undefined {
  const { outcome } = recorded ?? {};
  return outcome?.kind === "rejected" ? outcome.rejected.code : undefined;
}

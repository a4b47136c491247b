import fc from "fast-check";

/**
 * Machines as a flow file writes them, made at random: hierarchy, parallel, history, `after`, `always`,
 * guards, entry and exit, `invoke`, `raise`, final states and their output.
 *
 * Every state can be reached by an event `go.<id>` at the top, so that none of them is a fault; every
 * `always` counts up and stops, so that all of them come to rest.
 */
export interface MachineFile {
  readonly id: string;
  readonly context: { readonly n: number; readonly seen: string };
  readonly [member: string]: unknown;
}

export const eventTypes = ["a", "b", "c"] as const;

interface Shape {
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly deep: boolean;
  readonly inner: readonly Shape[];
  readonly dice: readonly number[];
}

const dice = fc.array(fc.nat(999), { minLength: 24, maxLength: 24 });

const { shape } = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.record({
      kind: fc.constantFrom(
        "atomic" as const,
        "atomic" as const,
        "final" as const,
        "history" as const,
      ),
      deep: fc.boolean(),
      inner: fc.constant([] as Shape[]),
      dice,
    }),
    fc.record({
      kind: fc.constantFrom("compound" as const, "compound" as const, "parallel" as const),
      deep: fc.boolean(),
      inner: fc.array(tie("shape"), { minLength: 2, maxLength: 3 }),
      dice,
    }),
  ),
}));

export const machineFiles: fc.Arbitrary<MachineFile> = fc
  .record({ top: fc.array(shape, { minLength: 1, maxLength: 4 }), dice })
  .map(({ top, dice: rolls }) => {
    const start: Shape = { kind: "atomic", deep: false, inner: [], dice: rolls };
    return new Builder().machine([start, ...top], rolls);
  });

/** Turns shapes into a machine: names first, so that targets can be drawn from them. */
class Builder {
  readonly #ids: string[] = [];
  #count = 0;

  machine(top: readonly Shape[], rolls: readonly number[]): MachineFile {
    const root = this.#name({ kind: "compound", deep: false, inner: top, dice: rolls });
    this.#ids.splice(this.#ids.indexOf(root.id), 1);
    const states = this.#states(root);
    const go = Object.fromEntries(this.#ids.map((id) => [`go.${id}`, { target: `#${id}` }]));
    return {
      id: "m",
      context: { n: 0, seen: "" },
      initial: firstState(root) ?? "none",
      states,
      on: go,
      output: "${context.n}",
    };
  }

  #name(shape: Shape): Named {
    const inner = shape.inner.map((one) => this.#name(one));
    // No region of a parallel state is final, and a compound one starts somewhere.
    const fitting = inner.filter(({ kind: one }) => shape.kind !== "parallel" || one !== "final");
    const startable = fitting.some(
      ({ shape: one }) => one.kind !== "history" && one.kind !== "final",
    );
    const kind = shape.inner.length > 0 && !startable ? "atomic" : shape.kind;
    const id = `s${this.#count++}`;
    this.#ids.push(id);
    const kept = kind === "compound" || kind === "parallel" ? fitting : [];
    for (const one of inner) if (!kept.includes(one)) this.#forget(one);
    return { id, kind, shape, inner: kept };
  }

  #forget(named: Named): void {
    const at = this.#ids.indexOf(named.id);
    if (at >= 0) this.#ids.splice(at, 1);
    for (const one of named.inner) this.#forget(one);
  }

  #states(named: Named): Record<string, unknown> {
    return Object.fromEntries(named.inner.map((one) => [one.id, this.#state(one, named)]));
  }

  #state(named: Named, parent: Named): Record<string, unknown> {
    const { id, kind, shape } = named;
    const rolls = new Rolls(shape.dice);
    if (kind === "history") {
      return { id, type: "history", history: shape.deep ? "deep" : "shallow" };
    }
    const common = {
      id,
      entry: [note(`+${id}`), ...(rolls.one(6) ? [{ raise: rolls.of(eventTypes) }] : [])],
      exit: note(`-${id}`),
    };
    if (kind === "final") {
      return { ...common, entry: note(`+${id}`), type: "final", output: `\${context.n}` };
    }
    const on = Object.fromEntries(
      eventTypes.filter(() => rolls.one(2)).map((type) => [type, this.#transitions(rolls)]),
    );
    return {
      ...common,
      ...(Object.keys(on).length > 0 && { on }),
      ...(rolls.one(3) && {
        after: { [`${10 * (1 + rolls.upTo(5))}ms`]: this.#transitions(rolls) },
      }),
      ...(rolls.one(5) && { always: this.#always(rolls) }),
      ...(rolls.one(4) && { invoke: this.#invoke(id, rolls) }),
      ...(kind !== "atomic" && {
        states: this.#states(named),
        ...(kind === "parallel" ? { type: "parallel" } : { initial: firstState(named) }),
        ...(rolls.one(2) && parent.id !== id && { onDone: this.#transition(rolls) }),
      }),
    };
  }

  #transitions(rolls: Rolls): unknown {
    if (rolls.one(4)) return [this.#guarded(rolls), this.#transition(rolls)];
    return rolls.one(3) ? this.#guarded(rolls) : this.#transition(rolls);
  }

  #guarded(rolls: Rolls): Record<string, unknown> {
    const guards = [
      `context.n % 2 == ${rolls.upTo(2)}`,
      { not: `context.n > ${rolls.upTo(6)}` },
      { and: [`context.n < ${5 + rolls.upTo(5)}`, { or: ["context.n != 3", "context.n == 3"] }] },
      { in: `#${rolls.of(this.#ids)}` },
    ];
    return { ...this.#transition(rolls), guard: rolls.of(guards) };
  }

  #transition(rolls: Rolls): Record<string, unknown> {
    const actions = [
      ...(rolls.one(2) ? [{ assign: { n: "context.n + 1" } }] : []),
      ...(rolls.one(3) ? [note("t")] : []),
      ...(rolls.one(9) ? [{ raise: rolls.of(eventTypes), delay: "15ms", id: "late" }] : []),
      ...(rolls.one(9) ? [{ cancel: "late" }] : []),
    ];
    return {
      ...(rolls.one(6) ? {} : { target: `#${rolls.of(this.#ids)}` }),
      ...(actions.length > 0 && { actions }),
      ...(rolls.one(4) && { reenter: true }),
    };
  }

  #always(rolls: Rolls): Record<string, unknown> {
    return {
      guard: `context.n % 5 == ${1 + rolls.upTo(4)} && context.n < 40`,
      target: `#${rolls.of(this.#ids)}`,
      actions: [{ assign: { n: "context.n + 1" } }],
    };
  }

  #invoke(id: string, rolls: Rolls): Record<string, unknown> {
    return {
      src: "call",
      id: `call_${id}`,
      input: { url: "http://example.test/${context.n}" },
      ...(rolls.one(4)
        ? {}
        : {
            onDone: {
              ...this.#transition(rolls),
              actions: [{ assign: { n: "context.n + event.output" } }],
            },
          }),
      onError: { ...this.#transition(rolls), actions: [note("!")] },
    };
  }
}

interface Named {
  readonly id: string;
  readonly kind: Shape["kind"];
  readonly shape: Shape;
  readonly inner: readonly Named[];
}

function firstState({ inner }: Named): string | undefined {
  return inner.find(({ kind }) => kind !== "history" && kind !== "final")?.id;
}

/** Leaves a mark in the context: the order of actions must be the same, not only their sum. */
function note(mark: string): Record<string, unknown> {
  return { assign: { seen: `context.seen + "${mark}"` } };
}

class Rolls {
  readonly #dice: readonly number[];
  #at = 0;

  constructor(rolls: readonly number[]) {
    this.#dice = rolls;
  }

  upTo(count: number): number {
    const roll = this.#dice[this.#at % this.#dice.length] ?? 0;
    this.#at += 1;
    return roll % count;
  }

  one(inSo: number): boolean {
    return this.upTo(inSo) === inSo - 1; // so that shrinking leaves things out
  }

  of<T>(all: readonly T[]): T {
    return all[this.upTo(all.length)] as T;
  }
}

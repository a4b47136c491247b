import type { Instance } from "@millrace/shared/contract/instance";
import { nextDue } from "@millrace/shared/contract/instance";
import { effectId } from "@millrace/shared/contract/names";
import { decide } from "@millrace/shared/core/decide/decide";
import { evolve } from "@millrace/shared/core/evolve/evolve";
import type { Input } from "@millrace/shared/core/input";
import { bareThing, defaultLimits, type World } from "@millrace/shared/core/world";
import { Faults } from "@millrace/shared/flow/fault";
import { compileFlow, type Flow } from "@millrace/shared/flow/flow";
import { flowSchema } from "@millrace/shared/flow/schema";
import { allowAll } from "@millrace/shared/policy/authorize";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventTypes, type MachineFile, machineFiles } from "./arbitrary-machine.ts";
import { MICROSTEPS_MAX, PlainActor } from "./plain-actor.ts";

/**
 * Generated machines and generated inputs run the same in Millrace and in a plain XState actor. In
 * Millrace every step goes through JSON, as after a crash; in the actor nothing does.
 */
type Act =
  | { readonly kind: "event"; readonly type: string }
  | { readonly kind: "go"; readonly roll: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "answer"; readonly roll: number; readonly output: number | undefined };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...eventTypes).map((type) => ({ kind: "event", type }) as const),
    },
    { weight: 2, arbitrary: fc.nat(999).map((roll) => ({ kind: "go", roll }) as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(5, 10, 25).map((ms) => ({ kind: "advance", ms }) as const),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({ roll: fc.nat(999), output: fc.option(fc.nat(3), { nil: undefined }) })
        .map((one) => ({ kind: "answer", ...one }) as const),
    },
  ),
  { minLength: 1, maxLength: 15 },
);

describe("a machine", () => {
  test("runs in Millrace as it does in a plain XState actor", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(machineFiles, acts, async (file, list) => {
        const flow = flowOf(file);
        const actor = new PlainActor(file);
        const machine = new MillraceMachine(flow);
        const same = (after?: Act): void => {
          compared += 1;
          // What never comes to rest is an error of the actor, and a rejection here.
          if (machine.rejected === "microsteps")
            expect(String(actor.failed)).toContain("Infinite loop");
          else expect({ after, ...machine.view }).toEqual({ after, ...actor.view });
        };
        same();
        for (const act of list) {
          if (machine.ended || machine.rejected !== undefined) break;
          await run(act, file, actor, machine);
          // An answer that it cannot take ends the actor; here the state that waits is told of an error.
          if (act.kind === "answer" && String(actor.failed).includes("Infinite loop")) break;
          same(act);
        }
        actor.stop();
      }),
      { numRuns: Number(process.env["MILLRACE_TEST_MACHINES"] ?? 300) },
    );
    expect(compared).toBeGreaterThan(1_000);
  }, 120_000);
});

async function run(
  act: Act,
  file: MachineFile,
  actor: PlainActor,
  machine: MillraceMachine,
): Promise<void> {
  switch (act.kind) {
    case "event":
      actor.send(act.type);
      machine.send(act.type);
      break;
    case "go": {
      const all = Object.keys(file["on"] as object);
      const type = all[act.roll % all.length] as string;
      actor.send(type);
      machine.send(type);
      break;
    }
    case "advance":
      actor.advance(act.ms);
      machine.advance(act.ms);
      break;
    case "answer": {
      expect(machine.calling).toEqual(actor.calling);
      const id = actor.calling[act.roll % Math.max(1, actor.calling.length)];
      if (id === undefined) return;
      await actor.answer(id, act.output);
      machine.answer(id, act.output);
    }
  }
}

function flowOf(file: MachineFile): Flow {
  const faults = new Faults();
  const events = [...eventTypes, ...Object.keys(file["on"] as object)];
  const written = { flow: "f", inputs: { begin: { topic: "begin" } }, machine: file };
  const flow = compileFlow(flowSchema.parse(written), faults, { microstepsMax: MICROSTEPS_MAX });
  if (flow === undefined) {
    throw new Error(
      `${events.join()} ${JSON.stringify(faults.all.filter((one) => one.severity === "error"))}`,
    );
  }
  return flow;
}

/** One instance, driven by inputs alone, its state through JSON after every step. */
class MillraceMachine {
  readonly #world: World;
  readonly #flow: Flow;
  #instance: Instance | undefined;
  #now = 1_000;
  #offset = 0;
  rejected: string | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
    this.#world = {
      flow: () => flow,
      current: () => flow,
      bindings: () => undefined,
      thing: (_ns, name) => bareThing(name),
      authorize: allowAll,
      limits: { ...defaultLimits, effectsMax: 10_000 },
    };
    this.send("begin");
  }

  send(type: string): void {
    const to = { ns: "default", flow: "f", key: "k" };
    const common = { to, offset: this.#offset++, at: this.#now };
    this.#take({
      kind: "device",
      ...common,
      flow: this.#flow,
      type,
      thing: "k",
      client: "k",
      topic: "begin",
      levels: ["begin"],
      id: undefined,
      payload: {},
    });
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#instance === undefined ? undefined : nextDue(this.#instance);
      if (this.#instance === undefined || due === undefined || due > end) break;
      this.#now = Math.max(this.#now, due);
      this.#take({ kind: "timer", to: this.#instance, at: this.#now });
    }
    this.#now = end;
  }

  get calling(): string[] {
    return Object.values(this.#instance?.owed ?? {})
      .flatMap(({ invoke }) => invoke ?? [])
      .sort();
  }

  answer(invoke: string, output: number | undefined): void {
    const instance = this.#instance as Instance;
    const key = Object.entries(instance.owed ?? {}).find(([, owed]) => owed.invoke === invoke)?.[0];
    const [generation = 0, seq = 0, index = 0] = (key ?? "").split("/").map(Number);
    this.#take({
      kind: "result",
      to: instance,
      offset: this.#offset++,
      at: this.#now,
      effect: effectId(instance, generation, seq, index),
      outcome: output === undefined ? "error" : "done",
      payload: output === undefined ? { error: { message: "no" } } : { output },
    });
  }

  #take(input: Input): void {
    const decision = decide(this.#instance, input, this.#world);
    if (decision.kind === "rejected") {
      this.rejected = decision.rejected.code;
      this.#instance = evolve(this.#instance, "rejected@1", decision.rejected);
    }
    if (decision.kind !== "step") return;
    expect(JSON.parse(decision.json)).toEqual(JSON.parse(JSON.stringify(decision.step)));
    const next = evolve(this.#instance, "step@1", decision.step);
    this.#instance = JSON.parse(JSON.stringify(next)) as Instance;
  }

  get ended(): boolean {
    return this.#instance?.status !== "running";
  }

  get view(): Record<string, unknown> {
    if (this.rejected !== undefined) return { rejected: this.rejected };
    const { state, context, status, output } = this.#instance as Instance;
    return { value: state, context, status: status === "running" ? "active" : status, output };
  }
}

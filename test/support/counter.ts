import type { Instance } from "@millrace/shared/contract/instance";
import { decide } from "@millrace/shared/core/decide/decide";
import type { Input } from "@millrace/shared/core/input";
import { bareThing, defaultLimits, type World } from "@millrace/shared/core/world";
import type { Flow } from "@millrace/shared/flow/flow";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import { allowAll } from "@millrace/shared/policy/authorize";

const file = `
flow: counter
inputs:
  tick: { topic: "count/+/tick", id: event.id }
machine:
  context: { count: 0 }
  on:
    tick: { actions: { assign: { count: context.count + 1 } } }
  initial: counting
  states:
    counting: { on: { end: done } }
    done: { type: final }
`;

const flow = compiled();

function compiled(): Flow {
  const { flow, faults } = loadFlow(file, "counter.yaml");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return flow;
}

const to = { ns: "default", flow: "counter", key: "c1" };

const world: World = {
  flow: (version) => (version === flow.version ? flow : undefined),
  current: () => flow,
  bindings: () => undefined,
  thing: (_, name) => bareThing(name),
  authorize: allowAll,
  limits: defaultLimits,
};

/** An instance that counts each `tick` that it takes, and ends at `end`; what it is told, one by one. */
export class Counter {
  #instance: Instance | undefined;
  #offset = 0;

  /** @returns what came of it */
  signal(type: string, id: string): string {
    const effect = "default/other/o1/0/1/0";
    return this.#take({ kind: "signal", type, id, effect, payload: {}, ...this.#next() });
  }

  /** @returns what came of it */
  publish(id: string): string {
    return this.#take({
      kind: "device",
      flow,
      type: "tick",
      thing: "c1",
      client: "c1",
      topic: "count/c1/tick",
      levels: ["count", "c1", "tick"],
      id,
      payload: { id },
      ...this.#next(),
    });
  }

  #next(): { to: typeof to; offset: number; at: number } {
    this.#offset += 1;
    return { to, offset: this.#offset, at: 1_000 * this.#offset };
  }

  #take(input: Input): string {
    const decision = decide(this.#instance, input, world);
    if (decision.kind === "step") this.#instance = decision.step.instance;
    if (decision.kind === "rejected") return decision.rejected.code;
    return decision.kind === "ignored" ? decision.why : "step";
  }

  get count(): unknown {
    return this.#instance?.context["count"];
  }

  get status(): string | undefined {
    return this.#instance?.status;
  }
}

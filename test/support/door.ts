import type { CallError } from "@millrace/shared/contract/call-result";
import { DispatchedWorld } from "./dispatched-world.ts";

/** Flows that make calls: one that waits for the answer, and one that goes on. */

/** Asks who it is that shows a badge, and waits. */
export function doorFlow(request = ""): string {
  return `
flow: door
inputs:
  badge: { topic: door/+/badge, thing: "\${topic[1]}" }
  leave: { topic: door/+/leave, thing: "\${topic[1]}" }
machine:
  initial: idle
  states:
    idle: { on: { badge: asking } }
    asking:
      invoke:
        src: call
        id: ask
        input: { url: "https://people.example/\${event.badge}"${request} }
        onDone: { target: open, actions: { assign: { answer: event.output } } }
        onError: { target: shut, actions: { assign: { error: event.error } } }
      on: { leave: idle }
    open: { on: { badge: asking } }
    shut: { on: { badge: asking } }
`;
}

/** Tells of faults, goes on, and counts what it hears; \`end\` is its end. */
export function faultFlow(request = ""): string {
  return `
flow: fault
inputs:
  fault: { topic: fault/+/fault, thing: "\${topic[1]}" }
  end: { topic: fault/+/end, thing: "\${topic[1]}" }
machine:
  initial: on
  context: { told: [], failed: [] }
  states:
    on:
      on:
        fault: { actions: { call: { url: https://tickets.example/, body: { n: "\${event.n}" }${request} }, name: ticket } }
        done.ticket: { actions: { assign: { told: "context.told + [event.output.body]" } } }
        error.ticket: { actions: { assign: { failed: "context.failed + [event.error.reason]" } } }
        end: over
    over: { type: final, entry: { call: { url: https://tickets.example/, body: bye }, name: ticket } }
`;
}

/** An answer of a host, as JSON. */
export const json = (status: number, value: unknown, headers = {}) => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

/** A world with one of these flows in it, and what tests do there and look at. */
export async function openCalls(
  flow: string,
  options: Omit<Parameters<typeof DispatchedWorld.open>[0], "flows"> = {},
) {
  const dispatched = await DispatchedWorld.open({ flows: [flow], ...options });
  const { world, http } = dispatched;
  const publish = async (topic: string, payload: object = {}): Promise<void> => {
    await world.publish(topic, payload);
    await dispatched.rest();
  };
  const door = (name = "d1") => world.instance(`door/${name}`);
  return {
    ...{ dispatched, world, http, publish, door },
    badge: (badge: unknown = 7, name = "d1") => publish(`door/${name}/badge`, { badge }),
    error: (name?: string) => door(name).context["error"] as CallError | undefined,
    causes: (name = "door/d1") => world.steps(name).map(({ cause }) => cause.type),
    keys: () => http.requests.map(({ headers }) => headers["idempotency-key"]),
    counters: () => dispatched.dispatcher.facts,
    /** How far the bookmark of the only partition is. */
    bookmark: () => dispatched.dispatcher.partitions()[0]?.offset,
  };
}

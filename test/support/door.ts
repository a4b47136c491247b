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

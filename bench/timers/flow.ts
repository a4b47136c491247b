/** Waits for as long as an event says, and tells how old a tick is when its step is in the journal. */
export const waiting = `
flow: waiting
inputs:
  arm: { topic: arm/+, thing: "\${topic[1]}" }
  tick: { topic: tick/+, thing: "\${topic[1]}" }
machine:
  initial: idle
  context: { ms: 0 }
  on: { tick: { actions: { log: "tick \${event.at0}" } } }
  states:
    idle: { on: { arm: { target: armed, actions: { assign: { ms: event.ms } } } } }
    armed: { after: { "\${context.ms}": idle } }
`;

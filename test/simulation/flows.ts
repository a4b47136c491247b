import type { Json } from "@millrace/shared/contract/json";
import type { Flow } from "@millrace/shared/flow/flow";
import { compilePublished, loadFlow, writeFault } from "@millrace/shared/flow/load";

/**
 * The flows of the simulation: timers, effects of every kind, signals between instances, events of one
 * thing for the instances of another partition, guards that throw, ends and new beginnings. Each comes
 * to rest when nothing is said to it any more.
 */

const lamp = (limits: { onMs: number; odd: string }): string => `
flow: lamp
inputs:
  set:
    topic: dev/+/set
    thing: \${topic[1]}
    id: \${event.?id.orValue('')}
    schema: { type: object, required: [level], properties: { level: { type: number } } }
  ping: { topic: dev/+/ping, thing: "\${topic[1]}" }
  bite: { topic: dev/+/bite, thing: "\${topic[1]}" }
  ${limits.odd}
commands:
  bite: { topic: "dev/\${thing.name}/bite" }
  light: { topic: "dev/\${thing.name}/do/light" }
  beep: { topic: "dev/\${thing.name}/do/beep", expires: 4s }
machine:
  context: { sets: 0, told: 0, last: -1 }
  initial: off
  on:
    delivered.light: { actions: { assign: { told: context.told + 1 } } }
    bite: [{ guard: event.u % 2 == 1, target: .sick }, { actions: { command: bite, payload: 1 } }]
    expired.beep: { actions: { assign: { told: context.told + 100 } } }
  states:
    off:
      on:
        set:
          target: on
          actions:
            - assign: { sets: context.sets + 1, last: event.u }
            - { command: light, payload: { u: "\${event.u}" } }
        odd: { guard: event.n > 3, target: on }
    on:
      on:
        set:
          guard: event.level < 5
          actions:
            - assign: { sets: context.sets + 1, last: event.u }
            - { command: light, payload: { u: "\${event.u}" } }
        ping: { guard: context.sets > 3, target: fading }
        odd: { guard: event.n > 3, target: off }
        nudge: { target: off }
      after:
        ${limits.onMs}ms:
          target: fading
          actions: { command: beep, payload: { sets: "\${context.sets}" } }
    sick:
      on: { set: on }
      after: { 300ms: { target: off, actions: { command: bite, payload: 2 } } }
    fading:
      entry: { send: { flow: room, key: "room-\${thing.name}", type: lamp_off } }
      on: { set: { target: on, actions: { assign: { sets: context.sets + 1 } } } }
      after: { 700ms: off }
`;

const room = `
flow: room
key: room-\${event.room}
inputs:
  move: { topic: dev/+/move, thing: "\${topic[1]}" }
machine:
  context: { moves: 0, offs: 0 }
  initial: empty
  on:
    lamp_off: { actions: { assign: { offs: context.offs + 1 } } }
  states:
    empty:
      on:
        move: { target: busy, actions: { assign: { moves: context.moves + 1 } } }
    busy:
      entry: { publish: { topic: rooms, payload: { moves: "\${context.moves}" } } }
      on:
        move:
          - guard: context.moves % 2 == 1
            target: busy
            reenter: true
            actions:
              - assign: { moves: context.moves + 1 }
              - { send: { flow: lamp, key: "\${event.thing}", type: nudge, payload: { u: "\${event.u}" } } }
              - { send: { flow: lamp, key: "\${event.thing}", type: nudge, payload: { u: -1 } } }
          - actions: { assign: { moves: context.moves + 1 } }
      after: { 2s: quiet }
    quiet:
      on: { move: busy }
      after: { 8s: empty }
`;

const job = (doneMax: number): string => `
flow: job
start: [begin]
keepDone: 1500ms
strict: true
inputs:
  begin: { topic: dev/+/begin, thing: "\${topic[1]}" }
  work: { topic: dev/+/work, thing: "\${topic[1]}" }
  ping: { topic: dev/+/ping, thing: "\${topic[1]}" }
commands:
  go: { topic: "dev/\${thing.name}/do/go", supersede: false }
machine:
  context: { done: 0, checks: 0, errors: 0 }
  initial: open
  states:
    open:
      on:
        begin: { actions: { command: go, payload: { u: "\${event.u}" } } }
        work:
          - { guard: context.done >= ${doneMax}, target: closed }
          - actions:
              - assign: { done: context.done + 1 }
              - { command: go, payload: { u: "\${event.u}" } }
        ping:
          actions:
            call: { url: "https://jobs.example/", body: { done: "\${context.done}" }, timeout: 1s, retries: 2 }
            name: check
        done.check: { actions: { assign: { checks: context.checks + 1 } } }
        error.check: { actions: { assign: { errors: context.errors + 1 } } }
      after: { 5s: closed }
    closed: { type: final }
`;

const audit = `
flow: audit
inputs:
  ask: { topic: dev/+/ask, thing: "\${topic[1]}" }
  move: { topic: dev/+/move, thing: "\${topic[1]}" }
machine:
  context: { asked: 0, answers: 0, errors: 0, why: "" }
  initial: idle
  states:
    idle:
      on: { ask: { target: asking, actions: { assign: { asked: context.asked + 1 } } } }
    asking:
      invoke:
        src: call
        id: who
        input: { url: "https://\${thing.name}.example/", timeout: 2s, retries: 1 }
        onDone: { target: idle, actions: { assign: { answers: context.answers + 1 } } }
        onError: { target: failing, actions: { assign: { errors: context.errors + 1, why: event.error.reason } } }
      on:
        move: idle
        ask: { guard: event.n > 5, target: asking, reenter: true, actions: { assign: { asked: context.asked + 1 } } }
      after: { 6s: idle }
    failing:
      invoke:
        src: call
        id: tell
        input: { url: "https://alarm.example/", body: { why: "\${context.why}" }, timeout: 1s, retries: 3 }
        onDone: idle
        onError: idle
`;

const pair = `
flow: pair
roles: { sensor: {}, light: {} }
inputs:
  move: { role: sensor, topic: dev/+/move, thing: "\${topic[1]}" }
  begin: { role: light, topic: dev/+/begin, thing: "\${topic[1]}" }
commands:
  glow: { to: light, topic: "dev/\${thing.name}/do/glow" }
machine:
  context: { moves: 0, by: "" }
  initial: dark
  states:
    dark:
      on:
        move:
          target: lit
          actions:
            - assign: { moves: context.moves + 1, by: event.thing }
            - { command: glow, payload: { for: "\${roles.sensor.name}", moves: "\${context.moves}" } }
    lit:
      on:
        move: { actions: { assign: { moves: context.moves + 1 } } }
        begin: dark
      after: { 1200ms: dark }
`;

/** Versions of one flow stand next to each other; the first is there from the start. */
const texts = {
  lamp: [
    lamp({ onMs: 1_500, odd: `odd: { topic: dev/+/odd, thing: "\${topic[1]}" }` }),
    // The second does not listen to \`odd\`; its guards for it never throw.
    lamp({ onMs: 900, odd: "" }).replace(/^ *odd: .*\n/gm, ""),
  ],
  room: [room],
  job: [job(2), job(1)],
  audit: [audit],
  pair: [pair],
};

function load(text: string): Flow {
  const { flow, faults } = loadFlow(text, "simulation.yaml");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return flow;
}

export const versions: readonly (readonly Flow[])[] = Object.values(texts).map((all) =>
  all.map(load),
);

export const flowOf: ReadonlyMap<string, Flow> = new Map(
  versions.flat().map((flow) => [flow.version, flow]),
);

const compiled = new Map<string, Flow>();

/** All processes of all simulations share what they compile: it is what takes longest in a small world. */
export function compileOnce(file: Json): Flow {
  const text = JSON.stringify(file);
  let flow = compiled.get(text);
  if (flow === undefined) compiled.set(text, (flow = compilePublished(file)));
  return flow;
}

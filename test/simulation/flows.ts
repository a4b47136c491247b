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
  ${limits.odd}
commands:
  light: { topic: "dev/\${thing.name}/do/light" }
  beep: { topic: "dev/\${thing.name}/do/beep", expires: 4s }
machine:
  context: { sets: 0, told: 0, last: -1 }
  initial: off
  on:
    delivered.light: { actions: { assign: { told: context.told + 1 } } }
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
strict: true
inputs:
  begin: { topic: dev/+/begin, thing: "\${topic[1]}" }
  work: { topic: dev/+/work, thing: "\${topic[1]}" }
  ping: { topic: dev/+/ping, thing: "\${topic[1]}" }
commands:
  go: { topic: "dev/\${thing.name}/do/go", supersede: false }
machine:
  context: { done: 0, errors: 0 }
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
        ping: { actions: { call: { url: "https://jobs.example/" }, name: check } }
        error.check: { actions: { assign: { errors: context.errors + 1 } } }
      after: { 5s: closed }
    closed: { type: final }
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

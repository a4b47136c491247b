/** Every fault that the loader finds, with its line, path and words: one table, in the order of the checks. */
import { describe, expect, test } from "vitest";
import { Budget } from "./budget.ts";
import { machineVariables } from "./expression.ts";
import { type FaultCode, Faults, type PlacedFault } from "./fault.ts";
import { checkDeployments } from "./deployment-file.ts";
import { loadFile, loadFlow, writeFault } from "./load.ts";
import { compileMachine } from "./machine.ts";

/** A flow file below its name; each fault stands behind its line: `# ← code path | words of the message`. */
const cases: Record<string, string> = {
  // ---- text
  "a text that is no YAML": `
machine: @x # ← syntax | Plain value cannot start with reserved character @`,
  "a member that is there twice": `
machine: {}
machine: {} # ← syntax | Map keys must be unique`,

  // ---- shape
  "unknown members, with the nearest known one": `
inputz: {} # ← unknown-member inputz | unknown member \`inputz\` (did you mean \`inputs\`?)
machine:
  initial: a
  states:
    a:
      onn: {} # ← unknown-member machine.states.a.onn | (did you mean \`on\`?)
      entry: { log: x, payloadd: 1 } # ← unknown-member machine.states.a.entry.payloadd | unknown member
      exit: { commandd: light } # ← unknown-member machine.states.a.exit | (did you mean \`command\`?)`,
  "an action that does two things": `
commands: { light: { topic: light } }
machine:
  entry: { command: light, log: x } # ← unknown-member machine.entry.log | an action does one thing, here \`command\``,
  "missing members": `
inputs:
  e: { format: json } # ← missing-member inputs.e | \`topic\` is missing
machine: # ← missing-member machine | a state with a \`route\` needs an \`id\`
  route: {}
  entry:
    - {} # ← missing-member machine.entry[0] | one of \`assign\`, \`command\`
  exit:
    - raise: { a: 1 } # ← missing-member machine.exit[0].raise | \`type\` is missing`,
  "no machine": "# ← missing-member | `machine` is missing",
  "values of another kind": `
params: { constructor: 1 } # ← wrong-value params.constructor | cannot be the name of a member
strict: "yes" # ← wrong-value strict | expected boolean, found "yes"
start: e # ← wrong-value start | expected array, found "e"
inputs: # ← wrong-value inputs | expected object, found null
commands:
  a.b: { topic: t } # ← wrong-value commands["a.b"] | a command starts with a letter
  c: { topic: t, qos: 2 } # ← wrong-value commands.c.qos | expected 0 or 1, found 2
machine:
  initial: a
  entry: { command: 5 } # ← wrong-value machine.entry.command | expected string, found 5
  exit: { assign: x } # ← wrong-value machine.exit.assign | expected object, found "x"
  states:
    a: # ← wrong-value machine.states.a | expected object, found null`,
  "names that say nothing": `
key: "" # ← wrong-value key | \`key\` is not empty
inputs:
  e: { topic: e, thing: "" } # ← wrong-value inputs.e.thing | \`thing\` is not empty
machine:
  on:
    e:
      actions:
        send:
          flow: x
          key: "" # ← wrong-value machine.on.e.actions.send.key | the \`key\` of a \`send\` is not empty
          type: e`,

  // ---- what of XState is not in
  "members of XState that are not in": `
guards: {} # ← unsupported guards | guards are written where they are used
inputs: { e: { topic: e } }
machine:
  entry: { sendTo: x } # ← unsupported machine.entry.sendTo | use \`send\` for another instance
  exit: beep # ← unsupported machine.exit | \`beep\` would be the name of code
  invoke:
    - src: fetchUser # ← unsupported machine.invoke[0].src | \`src: call\`, an HTTP request, is all there is
      input: { url: x }
  on:
    e:
      - guard: { type: isDark } # ← unsupported machine.on.e[0].guard.type | One of \`and\`, \`or\`, \`not\`, \`in\` is needed
      - cond: x # ← unsupported machine.on.e[1].cond | XState 5 calls it \`guard\`
      - actions: [{ type: notify }] # ← unsupported machine.on.e[2].actions[0].type | it would name code`,

  // ---- expressions, durations, topics, types, schemas
  "expressions that cannot be read, or do not fit": `
key: \${nobody} # ← expression key | Unknown variable: nobody
inputs:
  e:
    topic: e
    thing: \${context.x} # ← expression inputs.e.thing | Unknown variable: context
    id: \${event.id # ← expression inputs.e.id | has a \${ without its }
commands:
  c:
    topic: c
    thing: \${1 +} # ← expression commands.c.thing | Unexpected token
machine:
  context:
    deep: { in: "\${'a' / 2}" } # ← expression machine.context.deep.in | no such overload: string / int, at character 1
  on:
    e:
      - guard: "'dark'" # ← expression machine.on.e[0].guard | a guard is true or false; \`'dark'\` is a string
        actions:
          - command: c
            payload: [1, "\${x}"] # ← expression machine.on.e[0].actions[0].payload[1] | Unknown variable: x
          - assign:
              mode: idle # ← expression machine.on.e[0].actions[1].assign.mode | to assign the text itself, write "'idle'"
          - call:
              url: x
              headers: { auth: "\${y}" } # ← expression machine.on.e[0].actions[2].call.headers.auth | Unknown variable: y
          - log: \${secret.token} # ← expression machine.on.e[0].actions[3].log | Unknown variable: secret
      - guard: event.a.matches('(?=x)') # ← expression machine.on.e[1].guard | is not an RE2 pattern
        target: .x
  initial: x
  states: { x: {} }`,
  "durations that do not parse": `
keepDone: soon # ← duration keepDone | "soon" is not a duration: write 250ms, 30s
inputs: { e: { topic: e } }
commands:
  c: { topic: c, expires: 5 minutes } # ← duration commands.c.expires | "5 minutes" is not a duration
machine:
  initial: a
  entry: { command: c, expires: 1x } # ← duration machine.entry.expires | "1x"
  exit: { call: { url: x, timeout: -1 } } # ← duration machine.exit.call.timeout | -1
  states:
    a:
      entry: { raise: e, delay: later } # ← duration machine.states.a.entry.delay | "later"
      after:
        soon: { actions: { log: x } } # ← duration machine.states.a.after.soon | \`soon\` is not a duration: write 250ms
        1s: { actions: { log: x } } # ← duration machine.states.a.after["1s"] | is there twice
        1000: { actions: { log: x } }
      on: { e: { actions: { raise: e, delay: "$\${x" } } } # ← duration machine.states.a.on.e.actions.delay | is not a duration`,
  topics: `
inputs:
  e: { topic: a/#/b } # ← topic inputs.e.topic | \`#\` stands alone in the last level
commands:
  c: { topic: "a/\${event.x}/+" } # ← topic commands.c.topic | a topic to publish to has no wildcards
machine:
  entry: { command: c }
  on: { e: { actions: { publish: { topic: a/b } } } } # ← topic machine.on.e.actions.publish.topic | cannot name a topic of the log`,
  "types of events that none can have": `
inputs: { e: { topic: e } }
machine:
  on:
    "": { actions: { log: x } } # ← event-type machine.on[""] | use \`always\`
    e: { actions: { raise: "" } } # ← event-type machine.on.e.actions.raise | an event has a name
    e*: { actions: { log: x } } # ← event-type machine.on["e*"] | no event can match it
    a.*.b: {} # ← event-type machine.on["a.*.b"] | no event can match it
    .*: {} # ← event-type machine.on[".*"] | no event can match it
    a.*: { actions: { send: { flow: x, key: k, type: "*" } } } # ← event-type machine.on["a.*"].actions.send.type | stands for types
    "*": { actions: { log: x } }`,
  "what is another's own": `
inputs:
  e: { topic: $SYS/uptime } # ← reserved inputs.e.topic | topics that begin with \`$\` are reserved
commands:
  c: { topic: $x } # ← reserved commands.c.topic | topics that begin with \`$\` are reserved
machine:
  entry: { command: c }
  on:
    e:
      actions:
        - publish: { topic: millrace.events } # ← reserved machine.on.e.actions[0].publish.topic | are Millrace's own
        - raise: xstate.done.state.x # ← reserved machine.on.e.actions[1].raise | are the machine's own
        - raise: { type: xstate.init } # ← reserved machine.on.e.actions[2].raise.type | are the machine's own
        - send: { flow: f, key: k, type: xstate.stop } # ← reserved machine.on.e.actions[3].send.type | are the machine's own
        - raise: f
          delay: 1s
          id: xstate.after.1000.x # ← reserved machine.on.e.actions[4].id | ids that begin with
        - raise: { type: xstate.route, to: "#x" }`,
  schemas: `
inputs:
  e:
    topic: e
    schema: { type: numbr } # ← schema inputs.e.schema | type must be
  f: { topic: f, schema: { propertys: {} } } # ← schema inputs.f.schema | unknown keyword "propertys"
machine:
  on: { "*": { actions: { log: x } } }`,

  // ---- names that lead nowhere
  "inputs and commands that are not there": `
start: [motoin] # ← unknown-input start[0] | the flow has no input \`motoin\` (did you mean \`motion\`?)
inputs: { motion: { topic: e } }
commands: { light: { topic: light } }
machine:
  on:
    motion: { actions: { command: ligth } } # ← unknown-command machine.on.motion.actions.command | (did you mean \`light\`?)`,
  "states that are not there": `
inputs: { e: { topic: e }, f: { topic: f }, g: { topic: g } }
machine:
  initial: aa # ← unknown-target machine.initial | there is no state \`aa\` in here (did you mean \`a\`?)
  on: { e: b } # ← unknown-target machine.on.e | from the top of the machine, write \`.b\`
  states:
    a:
      on:
        e: c # ← unknown-target machine.states.a.on.e | there is no state \`c\` here
        f:
          target: ["#b"] # ← unknown-target machine.states.a.on.f.target[0] | there is no state \`#b\`
        g:
          guard: { and: [{ in: a }, { not: { in: c.d } }] } # ← unknown-target machine.states.a.on.g.guard.and[1].not.in | there is no state \`c.d\`
          target: b
    b:
      id: bb
      route: { guard: { in: "#b" } } # ← unknown-target machine.states.b.route.guard.in | (did you mean \`#bb\`?)
      initial: h
      states:
        h: { type: history, target: x } # ← unknown-target machine.states.b.states.h.target | there is no state \`x\` here`,
  "states that cannot be entered": `
inputs: { e: { topic: e }, f: { topic: f }, g: { topic: g } }
machine:
  initial: h # ← wrong-target machine.initial | at first there is no history
  states:
    h: { type: history }
    a:
      on:
        e: { target: [a, b] } # ← wrong-target machine.states.a.on.e.target[1] | \`a\` and \`b\` cannot be entered at once
        f: { target: [p, p.l.x] } # ← wrong-target machine.states.a.on.f.target[1] | cannot be entered at once
        g: { target: [p.l.y, p.r.y] }
    b:
      initial: h # ← wrong-target machine.states.b.initial | give it a \`target\` in here
      states:
        h: { type: history, target: "#flow.a" }
        x: {}
    p:
      type: parallel
      states:
        l: { initial: x, states: { x: {}, y: {} } }
        r: { initial: x, states: { x: {}, y: {} } }
        h: { type: history, target: g } # ← wrong-target machine.states.p.states.h.target | is a history state itself
        g: { type: history }`,
  "a state with states, and no first one": `
machine: # ← missing-initial machine | needs \`initial: a\`
  states: { a: {} }`,

  // ---- names of states, and what they may have
  "ids that are there twice": `
inputs: { e: { topic: e } }
machine:
  type: parallel
  states:
    a:
      id: one
      invoke: { src: call, id: ask, input: { url: x } }
      on: { e: { actions: { log: x } } }
    b: # ← duplicate-id machine.states.b | another state has the id \`one\`
      id: one
      initial: c
      states:
        c:
          always: d
          invoke:
            id: ask # ← duplicate-id machine.states.b.states.c.invoke.id | another call that may be made at the same time
            src: call
            input: { url: x }
        d:
          invoke: { src: call, id: tell, input: { url: x }, onDone: e }
        e:
          invoke: { src: call, id: tell, input: { url: x } }`,
  "names that mean another thing in a target": `
inputs: { e: { topic: e } }
machine:
  id: a.b # ← wrong-value machine.id | an id has no dot and no backslash
  initial: x
  states:
    x: { on: { e: [{ guard: event.a, target: 'y\\z' }, { target: constructor }] } }
    'y\\z': {} # ← wrong-value machine.states["y\\z"] | a state's name has no dot and no backslash
    constructor: {} # ← wrong-value machine.states.constructor | is not one that JavaScript's objects have already`,
  "members that mean nothing where they stand": `
inputs: { e: { topic: e }, f: { topic: f } }
machine:
  initial: a
  states:
    a:
      target: b # ← wrong-value machine.states.a.target | only a history state has a \`target\`
      output: 1 # ← wrong-value machine.states.a.output | only a final state and the machine
      on: { e: b, f: c }
    b:
      type: final # ← wrong-value machine.states.b.type | a state of type final has no states
      states: { x: { type: history } }
    c:
      type: atomic # ← wrong-value machine.states.c.type | a state of type atomic has no states
      states: { x: {} }`,
  "a machine that is history": `
machine: # ← wrong-value machine | the machine itself is no history state
  type: history`,

  // ---- what comes of it
  "states that nothing leads to": `
inputs: { e: { topic: e } }
machine:
  initial: a
  states:
    a: { on: { e: { actions: { log: x } } } }
    b: # ← unreachable-state machine.states.b | no transition leads to state \`b\`
      initial: c
      states: { c: {} }`,
  "transitions that never come to rest": `
inputs: { e: { topic: e } }
machine:
  initial: a
  states:
    a: { on: { e: b } }
    b:
      always: c # ← always-cycle machine.states.b.always | never comes to rest: b → c → b
    c:
      initial: d
      always: b
      states: { d: {} }`,

  // ---- roles
  "a flow with roles that does not say whose its inputs and commands are": `
key: \${event.id} # ← wrong-value key | a flow with roles has no \`key\`: its instances are keyed by their deployments
roles: { sensor: {}, light: {} }
inputs:
  e: { role: senser, topic: e } # ← unknown-role inputs.e.role | the flow has no role \`senser\` (did you mean \`sensor\`?)
  f: { topic: f } # ← missing-member inputs.f | \`role\` is missing: one of \`sensor\`, \`light\`
commands:
  c: { to: lihgt, topic: "c/\${thing.name}" } # ← unknown-role commands.c.to | (did you mean \`light\`?)
  d: { topic: d } # ← missing-member commands.d | \`to\` is missing
  g: { to: light, topic: g, thing: x } # ← wrong-value commands.g.thing | the command goes to the thing of its role
machine:
  on:
    e:
      - { guard: "thing.name == 'x'", actions: { command: g } } # ← expression machine.on.e[0].guard | a flow with roles has several things, as \`roles.sensor.name\`
      - { actions: { command: c, thing: x } } # ← wrong-value machine.on.e[1].actions.thing | goes to the thing of its role \`lihgt\`
      - { guard: has(roles.lihgt), actions: { command: d } } # ← unknown-role machine.on.e[2].guard | (did you mean \`light\`?)
    f: { actions: { log: "\${roles['lamp'].name}" } } # ← unknown-role machine.on.f.actions.log | the flow has no role \`lamp\``,
  "roles where the flow declares none": `
inputs: { e: { role: sensor, topic: e } } # ← unknown-role inputs.e.role | the flow declares no \`roles\`
commands: { c: { to: light, topic: c } } # ← unknown-role commands.c.to | the flow declares no \`roles\`
machine:
  on: { e: { guard: roles.x.name == 'y', actions: { command: c } } } # ← expression machine.on.e.guard | a flow has them where it declares \`roles\``,
  "roles that cannot be": `
roles: {} # ← wrong-value roles | a flow with roles has one at least
machine: {}`,
  "names of roles that cannot stand in an expression": `
roles:
  front-door: {} # ← wrong-value roles.front-door | a role starts with a letter
  constructor: {} # ← wrong-value roles.constructor | cannot be the name of a member
  light: { colour: red } # ← unknown-member roles.light.colour | unknown member \`colour\`
machine: {}`,

  // ---- deployments
  "deployments that do not fit their flow": `
roles: { sensor: {}, light: {} }
machine: {}
---
deployment: a
flow: flow
things: # ← missing-member things | \`sensor\` is missing
  senser: s # ← unknown-role things.senser | the flow \`flow\` has no role \`senser\` (did you mean \`sensor\`?)
  light: l
---
deployment: b
flow: flow
things: { light: l } # ← missing-member things | \`sensor\` is missing: every role of \`flow\` is bound to a thing
---
deployment: c
flow: single # ← unknown-role flow | the flow \`single\` declares no \`roles\`
things: {}
---
flow: single
machine: {}
---
deployment: d
flow: later # ← unknown-flow flow | there is no flow \`later\` beside it; it takes effect when the flow comes
things: {}`,
  "deployments of another shape": `
machine: {}
---
deployment: 1a # ← wrong-value deployment | a deployment starts with a letter
flow: flow
namespaec: x # ← unknown-member namespaec | (did you mean \`namespace\`?)
things:
  a: "" # ← wrong-value things.a | the name of a thing came out empty
  b: 7 # ← wrong-value things.b | expected string, found 7
  c: [x] # ← wrong-value things.c | expected string, found ["x"]
---
flow: flow # ← missing-member | \`deployment\` is missing
things: {}
---
deployment: b # ← missing-member | \`things\` is missing
flow: flow`,
  "two deployments of one name": `
roles: { a: {} }
machine: {}
---
{ "deployment": "x", "flow": "flow", "things": { "a": "t" } }
---
{ "deployment": "x", "flow": "flow", "things": { "a": "u" }, "namespace": "other" } # ← unknown-flow flow | there is no flow
---
deployment: x # ← duplicate-deployment deployment | there is a deployment \`x\` already (flow.yaml:5)
flow: flow
things: { a: t }`,

  // ---- warnings
  "an input that nobody hears": `
inputs:
  motion: { topic: e } # ← never-heard inputs.motion | no state has a transition on \`motion\`
machine: {}`,
  "what is most likely a slip": `
inputs: { motion: { topic: e } }
commands:
  light: { topic: light }
  bell: { topic: bell } # ← never-used commands.bell | no action sends the command \`bell\`
machine:
  on:
    motion: { actions: { command: light } }
    motoin: { actions: { log: x } } # ← never-used machine.on.motoin | (did you mean \`motion\`?)
    delivered.ligth: { actions: { log: x } } # ← never-used machine.on["delivered.ligth"] | (did you mean \`delivered.light\`?)
    delivered.light: { actions: { log: x } }
    switched_off: { actions: { log: x } }
    motion.*: { actions: { log: x } }`,
  "inputs that fit one message": `
inputs:
  all: { topic: meter/#, thing: "\${topic[1]}" }
  power:
    topic: meter/+/power # ← overlapping-inputs inputs.power.topic | what fits \`all\`, too, is taken by it, the first by name (line 3)
    thing: \${topic[1]}
  place: { topic: meter/+/power, thing: "\${topic[2]}" }
  other: { topic: other/+/power, thing: "\${topic[1]}" }
machine:
  on: { "*": { actions: { log: x } } }`,
  "inputs that fit one message, where the key does not look at the thing": `
key: \${event.order}
inputs:
  all: { topic: meter/#, thing: "\${topic[1]}" }
  power: { topic: meter/+/power } # ← overlapping-inputs inputs.power.topic | (line 4)
machine:
  on: { "*": { actions: { log: x } } }`,
};

Object.assign(cases, {
  "a machine with too much of something": `
machine: # ← too-large machine | 101 states that may be active at once; 100 is the most
  type: parallel
  states:
${lines(101, (i) => `    s${i}: {}`)}`,
  "a machine with too many states": `
machine: # ← too-large machine | 1002 states; 1000 is the most
  initial: s0
  states:
${lines(1_001, (i) => `    s${i}: {}`)}`,
  "a machine with too many transitions": `
machine: # ← too-large machine | 5001 transitions; 5000 is the most
  on:
${lines(5_001, (i) => `    e${i}: {}`)}`,
});

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

/** Those that no file is known to have. */
const elsewhere: readonly FaultCode[] = ["xstate"];

const codes: Record<FaultCode, true> = {
  syntax: true,
  "unknown-member": true,
  "missing-member": true,
  "wrong-value": true,
  unsupported: true,
  expression: true,
  duration: true,
  topic: true,
  "event-type": true,
  reserved: true,
  "unknown-input": true,
  "unknown-command": true,
  "unknown-target": true,
  "wrong-target": true,
  "missing-initial": true,
  "duplicate-id": true,
  "unreachable-state": true,
  "always-cycle": true,
  schema: true,
  "never-heard": true,
  "never-used": true,
  "overlapping-inputs": true,
  "unknown-role": true,
  "unknown-flow": true,
  "duplicate-deployment": true,
  "too-large": true,
  xstate: true,
};

describe("the loader", () => {
  test.each(Object.entries(cases))("finds %s", (_name, below) => {
    const text = `flow: flow ${below}`;
    const faults = faultsOf(text);
    const told = faults.map(writeFault).join("\n");
    const marks = marksIn(text);
    expect(faults.map(({ line, code, path }) => `${line} ${code} ${path}`).sort(), told).toEqual(
      marks.map(({ line, code, path }) => `${line} ${code} ${path}`).sort(),
    );
    for (const { line, code, path, words } of marks) {
      const of = faults.filter(
        (one) => one.line === line && one.code === code && one.path === path,
      );
      expect(of.map(({ message }) => message).join("\n")).toContain(words);
      expect(of[0]?.file).toBe("flow.yaml");
    }
  });

  test("is shown here with every code that a fault may have", () => {
    const shown = new Set(
      Object.values(cases).flatMap((text) => marksIn(text).map(({ code }) => code)),
    );
    expect(Object.keys(codes).filter((code) => !shown.has(code))).toEqual(elsewhere);
  });

  test.each([
    ["1,000,000 characters", `flow: ${"x".repeat(1_000_000)}`, "1000000 is the most"],
    ["100 levels", `${"[".repeat(101)}${"]".repeat(101)}`, "nests deeper than 100 levels"],
    [
      "100 aliases",
      `a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]`,
      "Excessive alias count",
    ],
  ])("reads no file of more than %s", (_name, text, words) => {
    const { flow, faults } = loadFlow(text, "flow.yaml");
    expect(flow).toBeUndefined();
    expect(faults).toMatchObject([{ code: "syntax", line: 1, column: 1 }]);
    expect(faults[0]?.message).toContain(words);
  });

  test("tells 500 faults and no more; the file is at fault with each of them", () => {
    const text = `flow: x\nmachine: {}\n${lines(600, (i) => `m${i}: {}`)}`;
    const { flow, faults } = loadFlow(text, "flow.yaml");
    expect([flow, faults.length]).toEqual([undefined, 500]);
  });

  test("names no near one of a name that is long: to compare two takes the time of both lengths", () => {
    const name = "s".repeat(100_000);
    const text = `flow: x\nmachine: { initial: ${name}x, states: { ${name}: {} } }`;
    const { faults } = loadFlow(text, "flow.yaml");
    expect(faults.some(({ message }) => message.includes("did you mean"))).toBe(false);
  });

  test("says a file's place, path and reason in one line", () => {
    const { faults } = loadFlow("flow: x\nmachine: { on: { e: nowhere } }\n", "flows/x.yaml");
    expect(faults.map(writeFault)).toEqual([
      "flows/x.yaml:2:18 error machine.on.e: there is no state `nowhere` here [unknown-target]",
    ]);
  });

  test("runs a flow that has warnings alone", () => {
    const { flow, faults } = loadFlow(
      "flow: x\ninputs: { e: { topic: e } }\nmachine: {}\n",
      "x.yaml",
    );
    expect(faults).toMatchObject([{ code: "never-heard", severity: "warning" }]);
    expect(flow?.name).toBe("x");
  });

  test("tells what XState says, where it knows better", () => {
    const faults = new Faults();
    const budget = new Budget();
    const seen = { event: {}, context: {}, thing: {}, topic: [], now: 0, params: {} };
    const scope = { ...seen, start: {}, budget };
    const options = {
      name: "x",
      microstepsMax: 10,
      commands: new Map(),
      scope,
      visible: machineVariables,
    };
    expect(compileMachine({ always: "#gone" }, options, faults)).toBeUndefined();
    expect(faults.all).toMatchObject([
      {
        code: "xstate",
        path: ["machine"],
        severity: "error",
        message: "Child state node '#gone' does not exist on machine 'x'",
      },
    ]);
  });
});

/** Of a file by itself, and of its deployments beside its flows. */
function faultsOf(text: string): readonly PlacedFault[] {
  const { flows, deployments, faults } = loadFile(text, "flow.yaml");
  const { faults: ofAll } = checkDeployments(deployments, (ns, name) =>
    flows.find((flow) => flow.ns === ns && flow.name === name),
  );
  return [...faults, ...ofAll];
}

function marksIn(text: string) {
  return text.split("\n").flatMap((line, i) => {
    const [, code = "", path = "", words = ""] = /# ← (\S+) ?(\S*?) ?\| (.*)$/.exec(line) ?? [];
    return code === "" ? [] : [{ line: i + 1, code, path, words }];
  });
}

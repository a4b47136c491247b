import { describe, expect, test } from "vitest";
import { loadFlow, writeFault } from "../load.ts";

/** What is right, however near to a fault it is: the loader says nothing of it, not even a warning. */

const e = "inputs: { e: { topic: e }, f: { topic: f } }";

const cases: Readonly<Record<string, string>> = {
  "a `route` deep in a state that nothing else leads to": `
${e}
machine:
  initial: a
  states:
    a: { on: { e: { actions: { raise: { type: xstate.route, to: "#deep" } } }, f: a } }
    b:
      initial: c
      states:
        c: {}
        d:
          initial: x
          states:
            x: { on: { f: "#flow.b" } }
            y: { id: deep, route: {}, on: { e: x } }`,
  "a state that only its inner one leads to": `
${e}
machine:
  initial: a
  states:
    a: { on: { e: b.d, f: a } }
    b: { initial: c, states: { c: {}, d: { on: { e: c } } } }`,
  "a history state that is initial and has a target": `
${e}
machine:
  initial: h
  states:
    h: { type: history, target: a.y }
    a: { initial: x, states: { x: { on: { f: y } }, y: { on: { e: x } } } }`,
  "history that leads out of its parent": `
${e}
machine:
  initial: a
  states:
    a: { on: { e: p.h } }
    p: { initial: x, states: { x: { on: { e: "#flow.b" } }, h: { type: history, target: "#flow.b" } } }
    b: { on: { f: p } }`,
  "calls of one id that cannot be made at the same time": `
${e}
machine:
  initial: a
  states:
    a: { invoke: { src: call, id: ask, input: { url: x }, onDone: b, onError: b }, on: { e: b, f: b } }
    b: { invoke: { src: call, id: ask, input: { url: x } }, on: { e: a } }`,
  "targets in several regions, one of them by its history": `
${e}
machine:
  initial: a
  states:
    a: { on: { e: { target: [p.l.h, p.r.y] }, f: { target: [p.l.y, p.l.y] } } }
    p:
      type: parallel
      states:
        l: { initial: x, states: { x: {}, y: {}, h: { type: history } } }
        r: { initial: x, states: { x: {}, y: {} } }`,
  "guards that name states by id and by path": `
${e}
machine:
  type: parallel
  states:
    a: { id: first, initial: x, states: { x: { on: { e: y } }, y: {} } }
    b:
      on:
        f:
          guard: { or: [{ in: "#first" }, { in: a.y }, { in: "#first.x" }, { in: "#flow.a.x" }] }
          actions: { log: x }`,
  "an `always` that an inner one goes before": `
${e}
machine:
  initial: a
  states:
    a: { on: { e: b, f: b.y } }
    b:
      initial: x
      always: c
      states: { x: { always: "#flow.done" }, y: {} }
    c: { always: b }
    done: { type: final }`,
  "an `always` that only logs": `
${e}
machine: { always: { actions: { log: x } }, on: { "*": { actions: { log: x } } } }`,
  "transitions on signals, and on what effects tell": `
${e}
commands: { light: { topic: light } }
machine:
  on:
    e: { actions: [{ command: light }, { call: { url: x }, name: ask }, { publish: { topic: t } }] }
    f.*: { actions: { log: x } }
    open: { actions: { log: x } }
    superseded.light: { actions: { log: x } }
    done.ask: { actions: { log: x } }
    denied.publish: { actions: { log: x } }
    "*": { actions: { log: x } }`,
  "two inputs that fit one message, for different things": `
inputs:
  from: { topic: move/+/+, thing: "\${topic[1]}" }
  to: { topic: move/+/+, thing: "\${topic[2]}" }
machine: { on: { from: { actions: { log: x } }, to: { actions: { log: x } } } }`,
};

describe("the loader says nothing of", () => {
  test.each(Object.entries(cases))("%s", (_name, below) => {
    const { flow, faults } = loadFlow(`flow: flow${below}`, "flow.yaml");
    expect(faults.map(writeFault)).toEqual([]);
    expect(flow).toBeDefined();
  });
});

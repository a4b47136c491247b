import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../contract/json.ts";
import { type Action, begin, type Moved, take } from "../core/machine-run.ts";
import { EffectError } from "./effect-name.ts";
import { ExpressionError } from "./expression-error.ts";
import type { Flow } from "./flow.ts";
import { compilePublished, loadFlow, writeFault } from "./load.ts";

/** What a compiled machine asks for, and what it refuses, once its expressions are worked out. */

function flowOf(machine: JsonObject, rest: JsonObject = {}): Flow {
  const file = { flow: "flow", inputs: { e: { topic: "e" } }, ...rest, machine };
  const { flow, faults } = loadFlow(JSON.stringify(file), "flow.json");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  flow.scope.thing = { name: "t1" };
  return flow;
}

function told(machine: JsonObject, event: JsonObject, rest?: JsonObject): Moved {
  const flow = flowOf(machine, rest);
  return take(flow, begin(flow).snapshot, { ...event, type: "e" });
}

/** What one action, taken on an event, asks for. */
function asked(action: JsonObject, event: JsonObject = {}): readonly Action[] {
  const commands = { c: { topic: "lamp/${event.room}", expires: "5s" } };
  const machine = { on: { e: { actions: [action, { command: "c" }] } } };
  return told(machine, { room: "hall", ...event }, { commands }).actions.slice(0, -1);
}

function effect(action: JsonObject, event?: JsonObject): unknown {
  const [one] = asked(action, event);
  return one?.type === "millrace.effect" ? one.params : one;
}

describe("an action", () => {
  test.each<[string, JsonObject, Json]>([
    [
      "a command",
      { command: "c", payload: { n: "${event.n}" } },
      {
        kind: "command",
        name: "c",
        thing: "t1",
        topic: "lamp/hall",
        payload: { n: 3 },
        format: "json",
        qos: 1,
        supersede: true,
        owed: false,
        expiresMs: 5000,
      },
    ],
    [
      "a publish, with its defaults",
      { publish: { topic: "a.${event.n}" } },
      { kind: "publish", topic: "a.3", key: "t1", type: "millrace.published", payload: null },
    ],
    [
      "a send",
      { send: { flow: "f", key: "${event.n}", type: "t.${event.n}", payload: { a: 1 } } },
      { kind: "send", flow: "f", key: "3", type: "t.3", payload: { a: 1 } },
    ],
    [
      "a log",
      { log: "n ${event.n}, ${event.none}" },
      { kind: "log", level: "info", message: "n 3, null" },
    ],
    [
      "a call",
      { call: { url: "x/${event.n}", body: { t: "${secret.token}" }, timeout: "${event.n}s" } },
      {
        kind: "call",
        name: "call",
        method: "POST",
        url: "x/3",
        headers: {},
        body: { t: "" },
        timeoutMs: 3000,
        retries: 3,
        secrets: [{ path: ["body", "t"], parts: ["", { secret: "token" }, ""] }],
      },
    ],
  ])("asks for %s", (_name, action, wanted) => {
    expect(effect(action, { n: 3, none: null })).toEqual(wanted);
  });

  test("raises with its members, its type first", () => {
    const raised = asked(
      { raise: { to: "${event.n}", type: "f.${event.n}" }, delay: "1s" },
      { n: 3 },
    );
    expect(raised).toMatchObject([
      { type: "xstate.raise", params: { event: { type: "f.3", to: 3 }, delay: 1000 } },
    ]);
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    [
      "a topic with a hole",
      { command: "c" },
      { room: null },
      "a command's `topic` `lamp/${event.room}` came out empty",
    ],
    [
      "a topic with a wildcard",
      { command: "c" },
      { room: "+" },
      "to topic `lamp/+`: a topic to publish to has no wildcards",
    ],
    [
      "no thing",
      { command: "c", thing: "${event.x}" },
      { x: null },
      "a command's `thing` `${event.x}` came out empty",
    ],
    [
      "no topic of the log",
      { publish: { topic: "${event.x}" } },
      { x: null },
      "a topic of the log `${event.x}` came out empty",
    ],
    [
      "a bad topic of the log",
      { publish: { topic: "${event.x}" } },
      { x: "a/b" },
      "`a/b` cannot name a topic of the log",
    ],
    [
      "a topic of ours",
      { publish: { topic: "${event.x}" } },
      { x: "millrace.journal" },
      "topics named `millrace.…` are Millrace's own",
    ],
    [
      "no key of a publish",
      { publish: { topic: "a", key: "${event.x}" } },
      { x: null },
      "the `key` of a `publish`",
    ],
    [
      "no key",
      { send: { flow: "f", key: "a-${event.x}", type: "t" } },
      { x: null },
      "the `key` of a `send` `a-${event.x}` came out empty",
    ],
    [
      "a key too long",
      { send: { flow: "f", key: "${event.x}", type: "t" } },
      { x: "k".repeat(257) },
      "the `key` of a `send` has more than 256 bytes",
    ],
    [
      "no flow",
      { send: { flow: "${event.x}", key: "k", type: "t" } },
      { x: null },
      "the `flow` of a `send`",
    ],
    [
      "no type",
      { send: { flow: "f", key: "k", type: "${event.x}" } },
      { x: null },
      "an event has a name",
    ],
    [
      "a forged type to send",
      { send: { flow: "f", key: "k", type: "${event.x}" } },
      { x: "xstate.stop" },
      "`${event.x}` gave `xstate.stop`: events named `xstate.…` are the machine's own",
    ],
    [
      "a forged type to raise",
      { raise: "${event.x}" },
      { x: "xstate.done.state.flow" },
      "are the machine's own",
    ],
    [
      "a forged type to raise later",
      { raise: { type: "xstate.${event.x}" }, delay: "1s" },
      { x: "init" },
      "are the machine's own",
    ],
    ["a wildcard to raise", { raise: "${event.x}" }, { x: "*" }, "`*` stands for types of events"],
  ])("is refused with %s", (_name, action, event, why) => {
    const error = caught(() => asked(action, event));
    expect(error).toBeInstanceOf(EffectError);
    expect((error as Error).message).toContain(why);
  });

  test("is refused with a duration that is none", () => {
    const error = caught(() => asked({ raise: "f", delay: "${event.x}" }, { x: "soon" }));
    expect(error).toBeInstanceOf(ExpressionError);
    expect((error as Error).message).toContain('"soon" is not a duration');
  });
});

describe("a machine", () => {
  test("goes to a state deep in others by its route", () => {
    const route = { raise: { type: "xstate.route", to: "#${event.to}" } };
    const inner = { x: { on: { f: "#flow.b" } }, y: { id: "deep", route: {}, on: { f: "x" } } };
    const { snapshot } = told(
      {
        initial: "a",
        states: {
          a: { on: { e: { actions: route } } },
          b: { initial: "c", states: { c: { initial: "x", states: inner } } },
        },
      },
      { to: "deep" },
    );
    expect(snapshot.value).toEqual({ b: { c: "y" } });
  });

  test("begins in a history state's target", () => {
    const h = { type: "history", target: "a.y" };
    const a = { initial: "x", states: { x: {}, y: { on: { e: "x" } } } };
    expect(begin(flowOf({ initial: "h", states: { h, a } })).snapshot.value).toEqual({ a: "y" });
  });

  test("that was published runs on, whatever is checked more strictly now", () => {
    const machine = { initial: "a", states: { a: { on: { e: "b", "a*": "b" } }, b: {}, gone: {} } };
    const file = { flow: "flow", inputs: { e: { topic: "e" } }, machine };
    expect(loadFlow(JSON.stringify(file), "flow.json").flow).toBeUndefined();
    const flow = compilePublished(file);
    expect(take(flow, begin(flow).snapshot, { type: "e" }).snapshot.value).toBe("b");
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

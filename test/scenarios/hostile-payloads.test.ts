import { describe, expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";

/** Payloads that are JSON, and meant to do harm: one device's may not stop the others of its partition. */

const flow = `
flow: probe
key: "\${event.?key.orValue(thing.name)}"
inputs:
  keep: { topic: probe/+/keep, thing: "\${event.?name.orValue(topic[1])}" }
  pass: { topic: probe/+/pass, thing: "\${topic[1]}" }
machine:
  context: { kept: null }
  on:
    keep: { actions: { assign: { kept: event.payload } } }
    pass: { actions: { send: { flow: probe, key: "\${event.to}", type: told } } }
    told: { actions: { log: told } }
`;

/** One half of a surrogate pair: JSON can write it, UTF-8 cannot. */
const HALF = String.raw`\ud800`;

const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

async function open(): Promise<DispatchedWorld> {
  return await DispatchedWorld.open({ flows: [flow] });
}

/** A payload is published; the device's next events are taken, before a crash and after it. @returns what was rejected */
async function survives(what: string, payload: string) {
  const dispatched = await open();
  const { world } = dispatched;
  await world.publish("probe/p1/keep", { x: 1 });
  // The gateway may refuse it.
  await world.publish(`probe/p1/${what}`, Buffer.from(payload)).catch(() => {});
  await world.publish("probe/p1/keep", { x: 2 });
  await dispatched.crash();
  await world.publish("probe/p1/keep", { x: 3 });
  await dispatched.rest();
  expect(world.instance("probe/p1").context["kept"]).toEqual({ x: 3 });
  expect(world.lines.filter((line) => !line.startsWith("debug"))).toEqual([]);
  const topic = `probe/p1/${what}`;
  for (const { cause } of world.rejections())
    expect(cause).toMatchObject({ kind: "device", client: "client", topic });
  return world.rejections().map(({ code }) => code);
}

describe("a payload", () => {
  test.each([
    ["nested 100 deep", deep(100)],
    ["with members named as an object's own", '{"toString":1,"valueOf":2,"toJSON":3}'],
    ["with a member __proto__", '{"__proto__":{"x":9}}'],
    ["with text that is half a character", `{"x":"${HALF}"}`],
  ])("%s is kept like any other", async (_, payload) => {
    expect(await survives("keep", payload)).toEqual([]);
  });

  test("whose type is the machine's own is an event of its input", async () => {
    expect(await survives("keep", '{"type":"xstate.stop"}')).toEqual([]);
  });

  test("with a member `constructor` is rejected, however deep", async () => {
    expect(await survives("keep", '{"a":[{"constructor":1}]}')).toEqual(["bad-payload"]);
  });

  test.each([101, 50_000])("nested %i deep is rejected", async (levels) => {
    expect(await survives("keep", deep(levels))).toEqual(["bad-payload"]);
  });

  test("that makes half a character a key is rejected", async () => {
    expect(await survives("keep", `{"key":"${HALF}"}`)).toEqual(["bad-key"]);
  });

  test("that makes half a character a thing's name is rejected", async () => {
    expect(await survives("keep", `{"name":"${HALF}"}`)).toEqual(["bad-thing"]);
  });

  test("that sends to half a character is rejected", async () => {
    expect(await survives("pass", `{"to":"${HALF}"}`)).toEqual(["bad-effect"]);
  });

  test("with a number that is too large is rejected", async () => {
    expect(await survives("keep", '{"x":1e999}')).toEqual(["bad-payload"]);
  });
});

import { encode } from "cborg";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../contract/json.ts";
import { Budget } from "./budget.ts";
import type { Scope } from "./expression.ts";
import { type FlowInput, PayloadError, readPayload } from "./input.ts";
import { loadFlow, writeFault } from "./load.ts";

function inputOf(input: JsonObject, rest: JsonObject = {}): FlowInput {
  const file = {
    flow: "x",
    ...rest,
    inputs: { e: { topic: "a/+", ...input } },
    machine: { on: { e: {} } },
  };
  const { flow, faults } = loadFlow(JSON.stringify(file), "x.json");
  const found = flow?.inputs.get("e");
  if (found === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return found;
}

function scopeOf(event: JsonObject, topic = ["a", "b"]): Scope {
  return {
    event,
    context: {},
    thing: { name: "t1" },
    topic,
    now: 0,
    params: {},
    budget: new Budget(),
  };
}

describe("an input", () => {
  test("finds thing, key and id", () => {
    const input = inputOf({ thing: "${topic[1]}", id: "${event.id}" }, { key: "k-${event.n}" });
    const scope = scopeOf({ id: 7, n: 3 });
    expect([input.thing?.(scope), input.key(scope), input.id?.(scope)]).toEqual(["b", "k-3", "7"]);
    expect(inputOf({}).thing).toBeUndefined();
    expect(inputOf({}).key(scope)).toBe("t1");
  });

  test("has no thing, no key and no id where a value in them is null", () => {
    const input = inputOf(
      { thing: "x-${event.?n}", id: "x-${event.?n}" },
      { key: "k-${event.?n}" },
    );
    const scope = scopeOf({ n: null });
    expect([input.thing?.(scope), input.key(scope), input.id?.(scope)]).toEqual(["", "", ""]);
  });

  test("says what of a payload does not fit its schema", () => {
    const { misfit } = inputOf({
      schema: { properties: { code: { pattern: "^[0-9]+$" }, at: { format: "date-time" } } },
    });
    expect(misfit?.({ code: "12", at: "2026-01-01T00:00:00Z" })).toBeUndefined();
    expect(misfit?.({ code: "1x" })).toBe('payload.code must match pattern "^[0-9]+$"');
    expect(misfit?.({ at: "today" })).toBe('payload.at must match format "date-time"');
    expect(inputOf({ schema: true }).misfit?.(null)).toBeUndefined();
    expect(inputOf({ schema: false }).misfit?.(null)).toBe("payload boolean schema is false");
    expect(inputOf({}).misfit).toBeUndefined();
  });
});

describe("a payload", () => {
  test.each<[FlowInput["format"], Buffer, Json]>([
    ["json", Buffer.from('{"a":[1,null]}'), { a: [1, null] }],
    ["text", Buffer.from("21.5 °C"), "21.5 °C"],
    ["text", Buffer.alloc(0), ""],
    ["bytes", Buffer.from([0, 255]), "AP8="],
    ["cbor", Buffer.from(encode({ a: [1, "x", null, true] })), { a: [1, "x", null, true] }],
    ["cbor", Buffer.from(encode(new Map([[1, Buffer.from([255])]]))), { 1: "/w==" }],
    ["cbor", Buffer.from(encode(2n ** 40n)), 1_099_511_627_776],
    ["cbor", Buffer.from("fb7ff0000000000000", "hex"), null],
    ["cbor", Buffer.from("f7", "hex"), null],
    ["cbor", Buffer.from("c11a00000000", "hex"), "1970-01-01T00:00:00.000Z"],
    [
      "cbor",
      Buffer.from("c074313937302d30312d30315430303a30303a30305a", "hex"),
      "1970-01-01T00:00:00.000Z",
    ],
    ["cbor", Buffer.from("c249010000000000000000", "hex"), 2 ** 64],
    ["cbor", Buffer.from("c349010000000000000000", "hex"), -(2 ** 64)],
    ["cbor", Buffer.from("d82061782f", "hex").subarray(0, 4), "x"],
  ])("is read as %s", (format, bytes, value) => {
    expect(readPayload(bytes, format)).toEqual(value);
  });

  test("of CBOR that refers to itself over and over is no larger for it", () => {
    // Forty lists, each of two references to the one before it.
    const reference = (to: number) => `d81d18${to.toString(16).padStart(2, "0")}`;
    const lists = Array.from({ length: 39 }, (_, i) => `d81c82${reference(i).repeat(2)}`);
    const bytes = Buffer.from(`9828d81c820101${lists.join("")}`, "hex");
    expect(JSON.stringify(readPayload(bytes, "cbor")).length).toBeLessThan(500);
  });

  test.each<[FlowInput["format"], string, string]>([
    ["json", "7b6f6f7073", "the payload is not JSON"],
    ["json", "", "the payload is not JSON"],
    ["cbor", "a1", "the payload is not CBOR"],
    ["cbor", "0000", "the payload is not CBOR"],
    ["cbor", "c06178", "a time is none"],
    ["cbor", "a18100f6", "a member's name is no text or number"],
    ["cbor", `c258ff${"ff".repeat(255)}`, "a number is too large"],
    ["cbor", "81".repeat(100_000), "it is nested too deep"],
    ["cbor", "9affffffff", "the payload is not CBOR"],
    ["cbor", "9a01ffffff".repeat(20_000), "it is nested too deep"],
  ])("cannot be read as %s: %j", (format, hex, why) => {
    const read = () => readPayload(Buffer.from(hex, "hex"), format);
    expect(read).toThrow(PayloadError);
    expect(read).toThrow(why);
  });
});

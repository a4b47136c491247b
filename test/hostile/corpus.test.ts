import { readdirSync, readFileSync } from "node:fs";
import { compileExpression, machineVariables } from "@millrace/shared/flow/expression";
import { Budget } from "@millrace/shared/flow/budget";
import { readPayload } from "@millrace/shared/flow/input";
import { loadFlow } from "@millrace/shared/flow/load";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { settle } from "../support/sim-clock.ts";
import { simulate } from "../support/world.ts";

/** The kept corpus: what once hurt, or stands for a class, each with the answer that it gets now. */

const folder = new URL("corpus/", import.meta.url);

function read<T>(name: string): T[] {
  const all = parse(readFileSync(new URL(name, folder), "utf8")) as T[];
  return JSON.parse(JSON.stringify(all), (_, value: unknown) =>
    typeof value === "string" ? written(value) : value,
  ) as T[];
}

/** `{{x*3}}` stands for xxx, and `{{half}}` for half a character, which YAML cannot write. */
function written(text: string): string {
  return text
    .replaceAll("{{half}}", "\ud800")
    .replaceAll(/\{\{(.+?)\*(\d+)\}\}/g, (_, one: string, times: string) =>
      one.repeat(Number(times)),
    );
}

const chain = (levels: number): object => (levels === 0 ? {} : { n: chain(levels - 1) });
const event = {
  list: Array.from({ length: 20_000 }, (_, i) => i % 10),
  text: "a".repeat(60_000),
  digits: "1".repeat(1_000),
  deep: "[".repeat(100_000) + "]".repeat(100_000),
};

describe("the corpus of expressions", () => {
  interface Entry {
    readonly what: string;
    readonly expression: string;
    readonly refused?: string;
    readonly value?: unknown;
  }
  test.each(read<Entry>("expressions.yaml"))("$what", ({ expression, refused, value }) => {
    const budget = new Budget();
    const scope = { event, context: {}, thing: {}, topic: [], now: 0, params: {}, budget };
    const workOut = (): unknown => compileExpression(expression, machineVariables)(scope);
    if (refused === undefined) expect(workOut()).toEqual(value);
    else expect(workOut).toThrow(refused);
  });
});

describe("the corpus of payloads", () => {
  interface Entry {
    readonly what: string;
    readonly format: "json" | "cbor";
    readonly hex: string;
    readonly refused?: string;
    readonly json?: string;
  }
  test.each(read<Entry>("payloads.yaml"))("$what", ({ format, hex, refused, json }) => {
    const payload = (): unknown => readPayload(Buffer.from(hex, "hex"), format);
    if (refused === undefined) expect(JSON.stringify(payload())).toBe(json);
    else expect(payload).toThrow(refused);
  });
});

describe("the corpus of records", () => {
  interface Entry {
    readonly what: string;
    readonly header?: object;
    readonly text?: string;
    readonly value?: string;
    readonly code: string;
  }
  const flow = `
flow: probe
inputs:
  keep: { topic: probe/+/keep, thing: "\${topic[1]}" }
  looped: { topic: looped/+, schema: { $ref: "#" } }
machine: { context: { n: 0 }, on: { keep: { actions: { assign: { n: event.n } } }, looped: {} } }`;

  test.each(read<Entry>("records.yaml"))("$what", async ({ header, text, value = "{}", code }) => {
    const world = await simulate({ flows: [flow], partitions: 1 });
    await world.publish("probe/p1/keep", { n: 1 });
    const stamped = { v: 1, ns: "default", w: "somebody", n: 1, ...header };
    const record = { key: null, header: text ?? JSON.stringify(stamped), value };
    await world.process.log.append("events", 0, [record]);
    await settle();
    await world.publish("probe/p1/keep", { n: 2 });
    expect(world.rejections().map((one) => one.code)).toEqual([code]);
    expect(world.instance("probe/p1").context).toEqual({ n: 2 });
    world.crash();
  });
});

describe("the corpus of flows", () => {
  const payload = { list: event.list.slice(0, 300), text: "x".repeat(5_000), chain: chain(60) };

  test.each(readdirSync(new URL("flows/", folder)))("%s", async (name) => {
    const text = readFileSync(new URL(`flows/${name}`, folder), "utf8");
    const said = (word: string): string | undefined =>
      new RegExp(`^# ${word}: (.*)$`, "m").exec(text)?.[1];
    expect(said("What")).toBeDefined();
    const { flow, faults } = loadFlow(text, name);
    const errors = faults.filter(({ severity }) => severity === "error");
    const codes = [...new Set(errors.map(({ code }) => code))].join();
    expect(codes === "" ? "loads" : codes).toBe(said("Expected"));
    if (flow === undefined) return;
    const world = await simulate({ flows: [text], partitions: 1 });
    await world.publish("go/x", payload);
    await world.publish("go/x", payload);
    const rejected = world.rejections().map(({ code }) => code);
    const allowed = said("Rejects")?.split(" or ") ?? [];
    expect(rejected.filter((code) => !allowed.includes(code))).toEqual([]);
    expect(rejected).toHaveLength(allowed.length === 0 ? 0 : 2);
    expect(world.lines.filter((line) => line.startsWith("error"))).toEqual([]);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
    world.crash();
  });
});

import { describe, expect, test } from "vitest";
import type { Traceparent } from "../../contract/trace.ts";
import { startTracer } from "./otlp.ts";

const id = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
const parents = {
  none: undefined,
  "not sampled": `00-${id}-00` as Traceparent,
  sampled: `00-${id}-01` as Traceparent,
};

describe("a trace that begins here, or goes on from a device", () => {
  test.each([
    ["always_on", "none", true],
    ["always_on", "not sampled", true],
    ["always_off", "sampled", false],
    ["traceidratio", "sampled", false],
    ["parentbased_always_on", "none", true],
    ["parentbased_always_on", "not sampled", false],
    ["parentbased_always_off", "none", false],
    ["parentbased_always_off", "sampled", true],
    ["parentbased_traceidratio", "none", false],
    ["parentbased_traceidratio", "sampled", true],
  ] as const)("with %s, from a device whose trace is %s: %s", (sampler, from, sampled) => {
    const url = "http://127.0.0.1:9/v1/traces"; // nothing is sent before it stops
    const target = { url, protocol: "http/json", timeoutMs: 100, process: {} } as const;
    const { trace, span } = startTracer(target, sampler, 0).root("publish", parents[from], {});
    expect(span !== undefined).toBe(sampled);
    expect(trace.endsWith(sampled ? "-01" : "-00")).toBe(true);
    expect(trace.split("-")[1] === id.split("-")[0]).toBe(from !== "none");
  });
});

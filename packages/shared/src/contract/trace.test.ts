import { describe, expect, test } from "vitest";
import { isTraceparent, newTrace, OwnTraces, traceFacts, traceParts } from "./trace.ts";

const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe("a traceparent", () => {
  test("says which trace, which span, and whether it is sampled", () => {
    expect(traceParts(given)).toEqual({
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      spanId: "00f067aa0ba902b7",
      sampled: true,
    });
    expect(traceParts(given.replace(/01$/, "02"))?.sampled).toBe(false);
    expect(traceParts(given.replace(/01$/, "03"))?.sampled).toBe(true);
    expect(traceFacts(given)).toEqual({ trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
  });

  test.each([
    undefined,
    "",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    given.toUpperCase(),
    given.replace(/^00/, "ff"),
    given.replace(/4bf[0-9a-f]+/, "0".repeat(32)),
    given.replace(/00f067aa0ba902b7/, "0".repeat(16)),
    `${given}-more`,
  ])("is not %s", (text) => {
    expect(traceParts(text)).toBeUndefined();
    expect(isTraceparent(text ?? "")).toBe(false);
    expect(traceFacts(text)).toEqual({});
  });

  test("that is new is one, and not sampled", () => {
    expect(traceParts(newTrace(Math.random))?.sampled).toBe(false);
  });
});

describe("traces that begin with an owner", () => {
  test("are traceparents that never repeat, from epoch to epoch and from partition to partition", () => {
    const seen = new Set<string>();
    for (const log of ["one", "two"])
      for (let partition = 0; partition < 4; partition += 1)
        for (let epoch = 0; epoch < 25; epoch += 1) {
          const traces = new OwnTraces(log, partition, epoch);
          for (let n = 0; n < 50; n += 1) {
            const parts = traceParts(traces.next());
            if (parts !== undefined && !parts.sampled) seen.add(parts.traceId);
          }
        }
    expect(seen.size).toBe(2 * 4 * 25 * 50);
  });

  test("are the same for the same owner: a run by a seed stays what it was", () => {
    const [one, other] = [new OwnTraces("log", 3, 17), new OwnTraces("log", 3, 17)];
    expect([one.next(), one.next()]).toEqual([other.next(), other.next()]);
  });

  test("are spread well enough to be sampled by a ratio", () => {
    const traces = new OwnTraces("log", 1, 1);
    const words = Array.from({ length: 4_000 }, () =>
      Number.parseInt(traceParts(traces.next())?.traceId.slice(-8) ?? "", 16),
    );
    const lower = words.filter((word) => word < 0x4000_0000).length;
    expect(Math.abs(lower - 1_000)).toBeLessThan(150);
  });
});

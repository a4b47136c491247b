import { describe, expect, test } from "vitest";
import type { CommandOutcome } from "@millrace/shared/peer/gateways";
import { AppliedEffects } from "./applied-effects.ts";

/** Attacks: L1 and L2 of applied-effects.ts. */

const delivered: CommandOutcome = { outcome: "delivered" };

function counting(outcomes: CommandOutcome[]): {
  deliver: () => Promise<CommandOutcome>;
  calls: number;
} {
  const counter = {
    calls: 0,
    deliver: async () => outcomes[counter.calls++] ?? delivered,
  };
  return counter;
}

describe("an effect id", () => {
  test("that was delivered is not delivered again", async () => {
    const effects = new AppliedEffects(10);
    const attempt = counting([delivered]);
    expect(await effects.once("e", attempt.deliver)).toEqual(delivered);
    expect(await effects.once("e", attempt.deliver)).toEqual(delivered);
    expect(attempt.calls).toBe(1);
  });

  test("that is under way gives the same answer to both who ask", async () => {
    const effects = new AppliedEffects(10);
    const attempt = counting([{ outcome: "none" }]);
    const both = [effects.once("e", attempt.deliver), effects.once("e", attempt.deliver)];
    expect(await Promise.all(both)).toEqual([{ outcome: "none" }, { outcome: "none" }]);
    expect(attempt.calls).toBe(1);
  });

  test.each<CommandOutcome>([{ outcome: "none" }, { outcome: "refused", code: 0x87 }])(
    "that was not applied (%o) may be tried again",
    async (outcome) => {
      const effects = new AppliedEffects(10);
      const attempt = counting([outcome, delivered]);
      expect(await effects.once("e", attempt.deliver)).toEqual(outcome);
      expect(await effects.once("e", attempt.deliver)).toEqual(delivered);
      expect(attempt.calls).toBe(2);
    },
  );

  test("is forgotten when more came since than are kept, unless it was asked for", async () => {
    const effects = new AppliedEffects(2);
    const attempt = counting([]);
    for (const id of ["a", "b", "a", "c"]) await effects.once(id, attempt.deliver);
    expect(attempt.calls).toBe(3);
    await effects.once("a", attempt.deliver);
    expect(attempt.calls).toBe(3);
    await effects.once("b", attempt.deliver);
    expect(attempt.calls).toBe(4);
  });

  test("whose delivery failed is not under way for ever", async () => {
    const effects = new AppliedEffects(2);
    const failing = effects.once("e", () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await effects.once("e", () => Promise.resolve(delivered))).toEqual(delivered);
  });
});

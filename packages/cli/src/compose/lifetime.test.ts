import { describe, expect, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { Lifetime } from "./lifetime.ts";

describe("a start that takes long", () => {
  test("says what it waits for, every ten seconds until it is there", async () => {
    const clock = new SimClock(1);
    const lines: unknown[] = [];
    const lifetime = new Lifetime((level, message, facts) => {
      lines.push([level, message, facts]);
    }, clock);
    const open = async (): Promise<string> =>
      await new Promise((resolve) => clock.after(25_000, () => resolve("log")));
    const opened = lifetime.open("log", open, () => {});
    await clock.advance(25_000);
    expect(await opened).toBe("log");
    await clock.advance(60_000);
    expect(lines).toEqual([
      ["warn", "still starting", { waitsFor: "log", seconds: 10 }],
      ["warn", "still starting", { waitsFor: "log", seconds: 20 }],
    ]);
    expect(clock.pending).toBe(0);
  });

  test("says no more of it once it has failed", async () => {
    const clock = new SimClock(1);
    const lifetime = new Lifetime(() => {}, clock);
    const failed = lifetime.open(
      "store",
      () => Promise.reject(new Error("no such host")),
      () => {},
    );
    await expect(failed).rejects.toThrow("no such host");
    expect(clock.pending).toBe(0);
  });
});

describe("what was opened", () => {
  test("is ended in the reverse order, whatever of it fails", async () => {
    const ended: string[] = [];
    const lines: unknown[] = [];
    const lifetime = new Lifetime((_level, message, facts) => {
      lines.push([message, facts]);
    });
    for (const what of ["log", "store", "engine"]) {
      await lifetime.open(
        what,
        async () => what,
        (opened) => {
          expect(lifetime.ending).toBe(opened);
          ended.push(opened);
          if (opened === "store") throw new Error("it is gone");
        },
      );
    }
    await lifetime.end();
    expect(ended).toEqual(["engine", "store", "log"]);
    expect(lines).toEqual([["while stopping", { what: "store", why: "it is gone" }]]);
    expect(lifetime.ending).toBeUndefined();
  });
});

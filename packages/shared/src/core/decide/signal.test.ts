import { expect, test } from "vitest";
import { Counter } from "../../../../../test/support/counter.ts";

/** Attacks: N1 of signal.ts. */

test("a signal is applied once", () => {
  const counter = new Counter();
  expect(["s1", "s2", "s1", "s2"].map((id) => counter.signal("tick", id))).toEqual([
    "step",
    "step",
    "repeat",
    "repeat",
  ]);
  expect(counter.count).toBe(2);
});

test("a signal that an earlier generation took does not begin another", () => {
  const counter = new Counter();
  counter.signal("tick", "s1");
  expect(counter.signal("end", "s2")).toBe("step");
  expect(counter.status).toBe("done");
  expect([counter.signal("tick", "s1"), counter.signal("end", "s2")]).toEqual(["repeat", "repeat"]);
  expect(counter.status).toBe("done");
  expect(counter.signal("tick", "s3")).toBe("step");
  expect([counter.status, counter.count]).toEqual(["running", 1]);
  expect(counter.signal("tick", "s1")).toBe("repeat");
});

test("the last 16 ids are remembered, and no more", () => {
  const counter = new Counter();
  for (let n = 1; n <= 17; n++) counter.signal("tick", `s${n}`);
  expect(counter.signal("tick", "s2")).toBe("repeat");
  expect(counter.signal("tick", "s1")).toBe("step");
  expect(counter.count).toBe(18);
});

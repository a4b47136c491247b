import { expect, test } from "vitest";
import { Counter } from "../../../../../test/support/counter.ts";

/** Attacks: V1 of device-event.ts. */

test("an event with an id is taken once", () => {
  const counter = new Counter();
  expect(["e1", "e2", "e1"].map((id) => counter.publish(id))).toEqual(["step", "step", "repeat"]);
  expect(counter.count).toBe(2);
});

test("an event that an earlier generation took does not begin another", () => {
  const counter = new Counter();
  counter.publish("e1");
  counter.signal("end", "s1");
  expect(counter.publish("e1")).toBe("repeat");
  expect(counter.status).toBe("done");
  expect(counter.publish("e2")).toBe("step");
  expect([counter.status, counter.count]).toEqual(["running", 1]);
});

test("the last 16 ids are remembered, and no more", () => {
  const counter = new Counter();
  for (let n = 1; n <= 17; n++) counter.publish(`e${n}`);
  expect(counter.publish("e2")).toBe("repeat");
  expect(counter.publish("e1")).toBe("step");
  expect(counter.count).toBe(18);
});

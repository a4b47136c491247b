import { instanceId } from "@millrace/shared/contract/names";
import { describe, expect, test } from "vitest";
import { TimerWindow } from "./timer-window.ts";

const id = instanceId({ ns: "default", flow: "lamp", key: "l1" });
const nothing = { due: [], until: Number.POSITIVE_INFINITY };
const nobody = (): undefined => undefined;

describe("the window of timers", () => {
  test("keeps what is decided while the store is asked, under the end that it was asked for", () => {
    const window = new TimerWindow(1_000);
    window.move(0);
    window.remind(id, 900);
    window.took(nothing, nobody);
    expect(window.take(1_000)).toBe(id);
  });

  test("ends where a page of the store's answer was cut short, and goes on from there", () => {
    const window = new TimerWindow(1_000);
    window.move(0);
    window.took({ due: [{ id, at: 300 }], until: 300 }, nobody);
    expect(window.next()).toBe(300);
    expect(window.move(0)).toEqual({ after: 300, by: 1_000 });
  });
});

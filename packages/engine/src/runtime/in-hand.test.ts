import { instanceId } from "@millrace/shared/contract/names";
import { describe, expect, test } from "vitest";
import { InHand } from "./in-hand.ts";

const timer = (key: string) => instanceId({ ns: "default", flow: "lamp", key });

describe("what is in hand", () => {
  test("can be read by whoever has the memory", () => {
    const writer = new InHand();
    const reader = new InHand(writer.memory);
    expect(reader.get()).toBeUndefined();
    writer.takeEvent(3, 2 ** 40);
    expect(reader.get()).toEqual({ partition: 3, offset: 2 ** 40 });
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    writer.takeEvent(3, 7, trace);
    expect(reader.get()).toEqual({ partition: 3, offset: 7, trace });
    writer.takeEvent(3, 8);
    expect(reader.get()).toEqual({ partition: 3, offset: 8 });
    writer.takeTimer(0, timer("kitchen / Küche 🛋"));
    expect(reader.get()).toEqual({ partition: 0, timer: timer("kitchen / Küche 🛋") });
    writer.takeTimer(1, timer("k"));
    expect(reader.get()).toEqual({ partition: 1, timer: timer("k") });
    writer.putDown();
    expect(reader.get()).toBeUndefined();
  });

  test("is not told where an id has no room", () => {
    const inHand = new InHand();
    inHand.takeTimer(0, timer("x".repeat(5_000)));
    expect(inHand.get()).toBeUndefined();
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodePart,
  effectId,
  encodePart,
  instanceId,
  logKey,
  parseEffectId,
  parseInstanceId,
} from "./names.ts";

/** Attacks: Q1 of names.ts. */

const part = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.isWellFormed());
const ref = fc.record({ ns: part, flow: part, key: part });

describe("names as they are joined", () => {
  test("come apart as they were put together, whatever is in them", () => {
    fc.assert(
      fc.property(ref, fc.nat(), fc.nat(), fc.nat(999), (one, generation, seq, index) => {
        expect(parseInstanceId(instanceId(one))).toEqual(one);
        expect(parseEffectId(effectId(one, generation, seq, index))).toEqual({
          ...one,
          generation,
          seq,
          index,
        });
        expect(decodePart(encodePart(one.key))).toBe(one.key);
      }),
    );
  });

  test("stay readable where they are plain", () => {
    expect(instanceId({ ns: "default", flow: "motion-light", key: "lamp_17.a" })).toBe(
      "default/motion-light/lamp_17.a",
    );
    expect(logKey("default", "a/b c")).toBe("default/a%2Fb%20c");
  });

  test("are told from text that is no effect's id", () => {
    for (const text of ["", "a/b/c", "a/b/c/1/2/x", "a/b/c/1/2/3/4"]) {
      expect(parseEffectId(text)).toBeUndefined();
    }
  });
});

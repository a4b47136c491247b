import { describe, expect, test } from "vitest";
import { filterFault, filtersMeet, topicFault } from "./topic.ts";

describe("two filters", () => {
  test.each([
    ["a/b", "a/b", true],
    ["a/b", "a/c", false],
    ["a/+", "a/b", true],
    ["a/+/c", "a/b/+", true],
    ["a/+/c", "a/b/d", false],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/+/#", "a", false],
    ["a/b", "a/b/c", false],
    ["#", "x/y", true],
    ["+", "/", false],
    ["+/+", "/", true],
    ["a//b", "a/+/b", true],
  ])("%s and %s: a topic that fits both? %s", (a, b, meet) => {
    expect(filtersMeet(a, b)).toBe(meet);
    expect(filtersMeet(b, a)).toBe(meet);
  });
});

describe("a topic", () => {
  test.each([
    ["", "a topic is not empty"],
    ["a/\0", "U+0000"],
    ["é".repeat(513), "at most 1024 bytes"],
    ["a/".repeat(32), "at most 32 levels"],
    ["$SYS/x", "reserved"],
  ])("%j is none", (topic, why) => {
    expect(topicFault(topic)).toContain(why);
    expect(filterFault(topic)).toContain(why);
  });

  test("has no wildcards, and a filter has them in their places", () => {
    expect(topicFault("a/+")).toContain("no wildcards");
    expect(filterFault("a/b+")).toContain("`+` stands alone");
    expect(filterFault("a#")).toContain("`#` stands alone in the last level");
    expect(filterFault("a/#/b")).toContain("`#` stands alone in the last level");
    expect([filterFault("a/+/#"), filterFault("#"), topicFault("a//b")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

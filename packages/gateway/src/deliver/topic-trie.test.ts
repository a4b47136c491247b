import { TopicTrie } from "@millrace/shared/mqtt/topic-trie";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

/** Attacks: T1, T2, T3 and T4 of topic-trie.ts. */

/** The rule of the standard (4.7) in its plainest form. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [i, want] of wanted.entries()) {
    if (want === "#") return true;
    if (i >= levels.length || (want !== "+" && want !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

function trieOf(...filters: string[]): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (const filter of filters) trie.add(filter, filter);
  return trie;
}

describe("a topic", () => {
  test.each([
    ["a/b", ["a/b"], ["a", "b", "a/b/c", "a/b/", "/a/b"]],
    ["a/+", ["a/b", "a/"], ["a", "a/b/c"]],
    ["+", ["a", "b"], ["a/b", "/a", "$SYS"]],
    ["+/+", ["/", "a/b", "/a"], ["a", "a/b/c", "$SYS/a"]],
    ["a/#", ["a", "a/b", "a/b/c", "a/"], ["b", "ab"]],
    ["#", ["a", "a/b", "/"], ["$SYS", "$SYS/a"]],
    ["$SYS/#", ["$SYS", "$SYS/a"], ["a"]],
    ["$SYS/+", ["$SYS/a"], ["$SYS", "x/a"]],
    ["+/b/#", ["a/b", "a/b/c"], ["a", "$a/b"]],
    ["/#", ["/", "/a", "/a/b"], ["a", "a/b"]],
    ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/c/d"]],
  ])("is matched by %j where it should be", (filter, yes, no) => {
    const trie = trieOf(filter);
    for (const topic of yes) expect([topic, trie.match(topic)]).toEqual([topic, [filter]]);
    for (const topic of no) expect([topic, trie.match(topic)]).toEqual([topic, []]);
  });

  test("is matched by every filter that fits, each once", () => {
    const trie = trieOf("a/b", "a/+", "+/b", "+/+", "#", "a/#", "a/b/#", "x", "a/c");
    expect(trie.match("a/b").sort()).toEqual(
      ["a/b", "a/+", "+/b", "+/+", "#", "a/#", "a/b/#"].sort(),
    );
  });

  test("finds all values of a filter", () => {
    const trie = new TopicTrie<number>();
    for (const value of [1, 2, 3, 2]) trie.add("a/+", value);
    expect(new Set(trie.match("a/b"))).toEqual(new Set([1, 2, 3]));
    expect(trie.match("a/b").length).toBe(3);
  });
});

describe("the first and the last value of a filter", () => {
  test.each(["a/b", "a/+", "a/#", "#", "+"])(
    "are told apart from the others (T1): %s",
    (filter) => {
      const trie = new TopicTrie<object>();
      const [one, two] = [{}, {}];
      expect(trie.add(filter, one)).toBe(true);
      expect(trie.add(filter, one)).toBe(false);
      expect(trie.add(filter, two)).toBe(false);
      expect(trie.remove(filter, {})).toBe(false);
      expect(trie.remove(filter, one)).toBe(false);
      expect(trie.remove(filter, one)).toBe(false);
      expect(trie.remove(filter, two)).toBe(true);
      expect(trie.remove(filter, two)).toBe(false);
      expect(trie.isEmpty).toBe(true);
    },
  );

  test("of `a/#` are not those of `a`", () => {
    const trie = new TopicTrie<string>();
    expect(trie.add("a", "v")).toBe(true);
    expect(trie.add("a/#", "v")).toBe(true);
    expect(trie.match("a")).toEqual(["v", "v"]);
    expect(trie.remove("a/#", "v")).toBe(true);
    expect(trie.match("a")).toEqual(["v"]);
  });
});

const rising = (a: number, b: number): number => a - b;

const level = fc.constantFrom("a", "b", "", "$x", "cc");
const topicOf = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filterOf = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, below]) => [...levels, ...(below ? ["#"] : [])].join("/"))
  .filter((filter) => filter !== "");

describe("any filters and topics", () => {
  test("match as the standard says, while values come and go", () => {
    const change = fc.record({
      filter: filterOf,
      value: fc.integer({ min: 0, max: 3 }),
      add: fc.boolean(),
    });
    const property = fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.array(topicOf),
      (changes, topics) => {
        const trie = new TopicTrie<number>();
        const held = new Set<string>();
        for (const { filter, value, add } of changes) {
          const before = [...held].some((entry) => entry.startsWith(`${filter} `));
          const there = held.has(`${filter} ${value}`);
          if (add) {
            held.add(`${filter} ${value}`);
            expect(trie.add(filter, value)).toBe(!before);
          } else {
            held.delete(`${filter} ${value}`);
            const after = [...held].some((entry) => entry.startsWith(`${filter} `));
            expect(trie.remove(filter, value)).toBe(there && !after);
          }
        }
        for (const topic of topics) {
          const expected = [...held]
            .map((entry) => entry.split(" ") as [string, string])
            .filter(([filter]) => matches(filter, topic))
            .map(([, value]) => Number(value))
            .sort(rising);
          expect(trie.match(topic).sort(rising)).toEqual(expected);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test("leave nothing behind when all values are gone (T3)", () => {
    const property = fc.property(fc.array(filterOf), (filters) => {
      const trie = trieOf(...filters);
      for (const filter of filters) trie.remove(filter, filter);
      expect(trie.isEmpty).toBe(true);
    });
    fc.assert(property);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deal } from "./sticky-assigner.ts";

/** Attacks: G3 of subscription.ts. */

const partitions = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("the assignment of partitions", () => {
  test("gives every partition to one member, in shares that differ by one at the most", () => {
    const wishes = fc.array(fc.array(fc.nat(63)), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(wishes, fc.integer({ min: 1, max: 64 }), (wants, count) => {
        const hands = deal(
          partitions(count),
          wants.map((one, i) => ({ memberId: `m${i}`, wants: one })),
        );
        const dealt = hands.flatMap(({ gets }) => gets).sort((a, b) => a - b);
        expect(dealt).toEqual(partitions(count));
        const sizes = hands.map(({ gets }) => gets.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("changes nothing when nobody came or went", () => {
    const first = deal(
      partitions(64),
      [1, 2, 3].map((n) => ({ memberId: `m${n}`, wants: [] })),
    );
    const again = deal(
      partitions(64),
      first.map(({ memberId, gets }) => ({ memberId, wants: gets })),
    );
    expect(again).toEqual(first);
  });

  test("moves only what a newcomer needs, and only what a leaver held", () => {
    const two = deal(
      partitions(64),
      ["a", "b"].map((memberId) => ({ memberId, wants: [] })),
    );
    const wants = two.map(({ memberId, gets }) => ({ memberId, wants: gets }));
    const three = deal(partitions(64), [...wants, { memberId: "c", wants: [] }]);
    const moved = three.flatMap(({ memberId, gets }) =>
      gets.filter(
        (one) => !wants.some((had) => had.memberId === memberId && had.wants.includes(one)),
      ),
    );
    expect(moved.length).toBe(21);
    const left = deal(
      partitions(64),
      three
        .filter(({ memberId }) => memberId !== "b")
        .map(({ memberId, gets }) => ({ memberId, wants: gets })),
    );
    for (const { memberId, gets } of left) {
      const had = three.find((one) => one.memberId === memberId)?.gets ?? [];
      expect(had.every((one) => gets.includes(one))).toBe(true);
    }
  });
});

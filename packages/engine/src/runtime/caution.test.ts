import { expect, test } from "vitest";
import { Turnstile } from "./caution.ts";

test("nobody takes an input while another partition has one in hand", async () => {
  const turnstile = new Turnstile();
  const taken: string[] = [];
  const inHand = Promise.withResolvers<void>();
  const careful = turnstile.alone(async () => {
    await inHand.promise;
    taken.push("in hand");
  });
  const other = turnstile.pass().then(() => taken.push("other"));
  const alsoCareful = turnstile.alone(async () => void taken.push("next in hand"));
  inHand.resolve();
  await Promise.all([careful, other, alsoCareful]);
  expect(taken[0]).toBe("in hand");
  expect(taken).toHaveLength(3);
});

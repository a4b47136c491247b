import * as fc from "fast-check";

/**
 * How much `npm test` draws: the same each time, and little. `npm run soak -- hostile` draws anew for as
 * long as it is told to.
 */
const seed = Number(process.env["MILLRACE_TEST_HOSTILE_SEED"] ?? 1);
const times = Number(process.env["MILLRACE_TEST_HOSTILE_TIMES"] ?? 1);

/** Parameters of `fc.assert`: fast-check prints seed and path of what fails. */
export function draws(runs: number): { seed: number; numRuns: number; endOnFailure: boolean } {
  return { seed, numRuns: runs * times, endOnFailure: false };
}

/** One half of a surrogate pair: JSON can write it, UTF-8 cannot. */
const HALF = "\ud800";

/** Texts that have been something else to somebody: names of an object's own members, borders, patterns. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "/",
      "%",
      "%zz/%00",
      "a/b/c/1/2/3",
      "%zz/f/k/1/1/0",
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "$SYS/x",
      "#",
      "+",
      "\0",
      "\n",
      HALF,
      `x${HALF}`,
      "NaN",
      "-0",
      "1e999",
      "xstate.init",
      "xstate.stop",
      "*",
      "${1}",
      "${",
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 200, max: 70_000 }).map((length) => "x".repeat(length)),
  },
  { weight: 1, arbitrary: fc.integer({ min: 2, max: 3_000 }).map((levels) => "a/".repeat(levels)) },
);

const hostileNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, Number.MAX_SAFE_INTEGER),
  fc.integer(),
);

/** JSON with an object's own members as names, deep or wide. */
export const hostileJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  hostileText,
  hostileNumber,
  fc.dictionary(hostileText, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 }),
  fc.integer({ min: 50, max: 1_000 }).map((levels) => nested(levels)),
  fc.integer({ min: 1, max: 5_000 }).map((length) => Array.from({ length }, (_, i) => i % 7)),
);

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Bytes as a record's value may hold them. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  hostileJson.map((json) => Buffer.from(JSON.stringify(json) ?? "")),
  fc
    .constantFrom("{", "nul", '{"a":}', "[".repeat(50_000), '{"a":1e999}', "\ufeff{}")
    .map(Buffer.from),
);

/** An object that is right, with some members that are not, that lack, or that are too many. */
export function bent(right: Readonly<Record<string, unknown>>): fc.Arbitrary<object> {
  const names = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...Object.keys(right)) },
    { weight: 1, arbitrary: hostileText },
  );
  const change = names.chain((name) => fc.tuple(fc.constant(name), instead(right[name])));
  return fc.array(change, { minLength: 1, maxLength: 2 }).map((changes) => {
    const members: Record<string, unknown> = { ...right };
    for (const [name, value] of changes) members[name] = value;
    return members;
  });
}

/** Mostly of the same kind, which gets further than what is of another. */
function instead(value: unknown): fc.Arbitrary<unknown> {
  const alike =
    typeof value === "string"
      ? hostileText
      : typeof value === "number"
        ? hostileNumber
        : hostileJson;
  return fc.oneof(
    { weight: 8, arbitrary: alike },
    { weight: 1, arbitrary: hostileJson },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

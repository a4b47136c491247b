import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";

/** docs/glossary.md: one word a concept, each with a file that knows it. */

const entries = Array.from(
  readFileSync(join(root, "docs/glossary.md"), "utf8").matchAll(
    /^\| \*\*(.+?)\*\* +\| .+ \| `(.+?)` +\|$/gm,
  ),
  ([, word = "", owner = ""]) => ({ word, owner }),
);

describe("docs/glossary.md", () => {
  test("has the words of the design", () => {
    const words = ["thing", "flow", "instance", "step", "effect", "verdict", "epoch", "floor"];
    expect(entries.map(({ word }) => word)).toEqual(expect.arrayContaining(words));
    expect(entries.length).toBeGreaterThan(60);
  });

  test("has each word once", () => {
    const words = entries.map(({ word }) => word);
    expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
  });

  test("names an owner that exists and uses the word", () => {
    const astray = entries.filter(({ word, owner }) => !knows(owner, word));
    expect(astray).toEqual([]);
  });
});

/** `timer window` is `TimerWindow` in the code, too. */
function knows(owner: string, word: string): boolean {
  const path = join(root, owner);
  if (!existsSync(path)) return false;
  const text = `${owner} ${readFileSync(path, "utf8").toLowerCase()}`;
  return text.includes(word) || text.includes(word.replaceAll(" ", ""));
}

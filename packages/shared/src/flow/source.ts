import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Json } from "../contract/json.ts";
import { Faults, type Path, type Place } from "./fault.ts";

/** One document of a file: YAML 1.2, of which JSON is a part, with the place of every member. */
export interface Source {
  /** undefined when the text could not be read at all. */
  readonly value: Json | undefined;
  /** What is wrong with its text; whoever reads on adds to it. */
  readonly faults: Faults;
  /** Where a member stands, from 1; of the nearest member above, when it is absent. */
  locate(path: Path): Place;
}

/** A few anchors save typing; thousands are a bomb. */
const ALIASES_MAX = 100;
const TEXT_BYTES_MAX = 1_000_000;
const DEPTH_MAX = 100;

/** The documents of a file, one at least. */
export function readSources(text: string): readonly Source[] {
  if (text.length > TEXT_BYTES_MAX) {
    return [unread(`the file has ${text.length} characters; ${TEXT_BYTES_MAX} is the most`)];
  }
  if (deepest(text) > DEPTH_MAX) {
    return [unread(`the file nests deeper than ${DEPTH_MAX} levels`)];
  }
  const lines = new LineCounter();
  const documents: readonly Document[] = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false, // it holds each key against all others
    logLevel: "error", // its warnings would go to stderr
  });
  // What stands behind the last `---` is mostly nothing.
  const written = documents.filter((one) => one.errors.length > 0 || one.contents !== null);
  const [first] = documents;
  if (written.length > 0) return written.map((document) => readDocument(document, lines));
  return [first === undefined ? empty() : readDocument(first, lines)];
}

function readDocument(document: Document, lines: LineCounter): Source {
  const faults = new Faults();
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      faults.syntax(error.message, { line, column: col });
    }
    return { value: undefined, faults, locate: () => top };
  }
  const repeated = repeatedKeys(document);
  for (const at of repeated) {
    const { line, col } = lines.linePos(at);
    faults.syntax("Map keys must be unique", { line, column: col });
  }
  if (repeated.length > 0) return { value: undefined, faults, locate: () => top };
  try {
    const value = document.toJS({ maxAliasCount: ALIASES_MAX }) as Json;
    return { value, faults, locate: (path) => placeOf(document.contents as Node, path, lines) };
  } catch (error) {
    return unread(error instanceof Error ? error.message : String(error));
  }
}

const top: Place = { line: 1, column: 1 };

function unread(why: string): Source {
  const faults = new Faults();
  faults.syntax(why);
  return { value: undefined, faults, locate: () => top };
}

function empty(): Source {
  return { value: null, faults: new Faults(), locate: () => top };
}

/** Where members stand whose name came before. */
function repeatedKeys(document: Document): number[] {
  const places: number[] = [];
  visit(document, {
    Map(_, { items }) {
      const names = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (names.has(key.value)) places.push(key.range?.[0] ?? 0);
        names.add(key.value);
      }
    },
  });
  return places;
}

/** An upper bound of the nesting, before a recursive parser meets it. */
function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  for (const c of text) {
    if (c === "[" || c === "{") most = Math.max(most, ++depth);
    else if (c === "]" || c === "}") depth = Math.max(0, depth - 1);
  }
  let indent = 0;
  for (const line of text.split("\n")) {
    indent = Math.max(indent, /^[ ?-]*/.exec(line)?.[0].length ?? 0);
  }
  return Math.max(most, indent / 2);
}

function placeOf(contents: Node | null, path: Path, lines: LineCounter): Place {
  let node: unknown = contents;
  let at = contents?.range?.[0] ?? 0;
  for (const part of path) {
    const inner = memberOf(node, part);
    if (inner === undefined) break;
    node = inner.value;
    at = inner.at;
  }
  const { line, col } = lines.linePos(at);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function memberOf(
  node: unknown,
  part: string | number,
): { value: unknown; at: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === String(part),
    );
    if (pair === undefined) return undefined;
    return { value: pair.value, at: (pair.key as Node).range?.[0] ?? 0 };
  }
  if (isSeq(node) && typeof part === "number") {
    const item = node.items[part] as Node | undefined;
    return item === undefined ? undefined : { value: item, at: item.range?.[0] ?? 0 };
  }
  return undefined;
}

import type { ASTNode } from "@marcbachmann/cel-js";

/**
 * Expressions as they are run, made from the text of those that are written, by edits where the syntax
 * tree says so.
 */
export interface Draft {
  readonly text: string;
  /** Where a place in it stands in what was written. */
  origin(at: number): number;
}

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}

export function asWritten(text: string): Draft {
  return { text, origin: (at) => at };
}

/**
 * Makes a number a double, whatever it stands in: a factor binds tighter than all that may stand before
 * it, and nothing that may follow binds tighter. Nobody writes an unsigned one, so that an error that
 * names it is about the number.
 */
const asDouble = " * 1u";

/** Puts our `matches` in, and divisions that are not cut to a whole number. */
export function withOurMeanings(draft: Draft, ast: ASTNode): Draft {
  const edits: Edit[] = [];
  visit(ast, (node) => {
    if (node.op === "rcall" && node.args[0] === "matches") {
      const at = draft.text.indexOf("matches", node.args[1].end);
      edits.push({ at, cut: "matches".length, put: "matchesRe2" });
    }
    if (node.op === "/") {
      const at = operatorAfter(draft.text, node.args[0].end);
      edits.push({ at, cut: 0, put: `${asDouble} ` });
    }
  });
  return edited(draft, edits);
}

/** Past the brackets and comments that may stand between an operand and its operator. */
function operatorAfter(text: string, from: number): number {
  return from + (/^(\)|\s|\/\/[^\n]*\n)*/.exec(text.slice(from))?.[0].length ?? 0);
}

/**
 * Makes the whole-numbered branch of a `?:` a double, as the other one is: for CEL they are of two types.
 *
 * @param error what the type check said
 * @returns undefined when that is not what is wrong
 */
export function withOneBranchType(draft: Draft, ast: ASTNode, error: unknown): Draft | undefined {
  const { code, summary = "", range } = error as CheckError;
  if (code !== "incompatible_ternary_branches" || range === undefined) return undefined;
  const types = /'(int|double)' and '(int|double)'/.exec(summary);
  if (types === null) return undefined;
  let end: number | undefined;
  visit(ast, (node) => {
    if (node.op === "?:" && node.start === range.start && node.end === range.end)
      end = node.args[types[1] === "int" ? 1 : 2].end;
  });
  return end === undefined ? undefined : edited(draft, [{ at: end, cut: 0, put: asDouble }]);
}

interface CheckError {
  readonly code?: string;
  readonly summary?: string;
  readonly range?: { readonly start: number; readonly end: number };
}

function edited(draft: Draft, edits: readonly Edit[]): Draft {
  const inOrder = [...edits].sort((a, b) => a.at - b.at);
  let text = "";
  let from = 0;
  for (const { at, cut, put } of inOrder) {
    text += draft.text.slice(from, at) + put;
    from = at + cut;
  }
  return { text: text + draft.text.slice(from), origin: (at) => draft.origin(before(inOrder, at)) };
}

/** Where a place in an edited text was before the edits. */
function before(edits: readonly Edit[], place: number): number {
  let shift = 0;
  for (const { at, cut, put } of edits) {
    if (place < at + shift) break;
    if (place < at + shift + put.length) return at;
    shift += put.length - cut;
  }
  return place - shift;
}

export function visit(node: ASTNode, take: (node: ASTNode) => void): void {
  take(node);
  const inside = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(inside);
    else if (typeof part === "object" && part !== null && "op" in part)
      visit(part as ASTNode, take);
  };
  inside(node.args);
}

import { readFileSync } from "node:fs";

/** A documentation page as its tests read it: the fenced blocks, and which of them belong together. */

/** A fenced block. */
export interface Fence {
  /** What stands behind the backticks: the language, then our tag. */
  readonly info: string;
  readonly text: string;
  /** Line of the page on which the text begins, from 1. */
  readonly line: number;
  /** The heading above it. */
  readonly heading: string;
}

/**
 * Flows with deployments of them, and a run. Those of one name are versions of it, the oldest first.
 */
export interface Example {
  readonly flows: readonly Fence[];
  readonly deployments: readonly Fence[];
  readonly run: Fence;
}

export interface Page {
  readonly examples: readonly Example[];
  /** Flow files with faults, each marked in the line that has it. */
  readonly faulty: readonly Fence[];
}

/** What a fence may be; `sh` is for commands that a reader types, and is not run. */
const tags = ["yaml flow", "yaml deployment", "text run", "yaml fault", "sh"] as const;

/** @throws Error for a fence that is not closed, has another tag, or is part of no example */
export function readPage(path: string): Page {
  const fences = fencesIn(readFileSync(path, "utf8"), path);
  const examples: Example[] = [];
  let flows: Fence[] = [];
  let deployments: Fence[] = [];
  for (const fence of fences) {
    const where = `${path}:${fence.line}`;
    if (!(tags as readonly string[]).includes(fence.info))
      throw new Error(`${where}: a fence is one of ${tags.join(", ")}, not \`${fence.info}\``);
    if (fence.info === "yaml flow") flows.push(fence);
    if (fence.info === "yaml deployment") deployments.push(fence);
    if (fence.info !== "text run") continue;
    if (flows.length === 0) throw new Error(`${where}: there is no flow to run`);
    examples.push({ flows, deployments, run: fence });
    flows = [];
    deployments = [];
  }
  const [idle] = [...flows, ...deployments];
  if (idle !== undefined) throw new Error(`${path}:${idle.line}: no run follows this flow`);
  return { examples, faulty: fences.filter(({ info }) => info === "yaml fault") };
}

/** @throws Error for a fence that is not closed */
export function fencesIn(markdown: string, path: string): Fence[] {
  const fences: Fence[] = [];
  let heading = "";
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [i, line] of markdown.split("\n").entries()) {
    const mark = /^```(.*)$/.exec(line);
    if (open === undefined) {
      if (mark !== null) open = { info: (mark[1] ?? "").trim(), line: i + 2, lines: [] };
      else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    } else if (mark === null) open.lines.push(line);
    else {
      fences.push({
        info: open.info,
        line: open.line,
        heading,
        text: `${open.lines.join("\n")}\n`,
      });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: this fence is not closed`);
  return fences;
}

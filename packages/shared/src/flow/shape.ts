import type * as z from "zod";
import { isJsonObject, type Json } from "../contract/json.ts";
import type { Faults, Path } from "./fault.ts";
import { type FlowFile, flowSchema } from "./schema.ts";
import { noteOf, report, valueAt } from "./shape-faults.ts";

/** A flow file held against the schema. */
export interface Shape {
  readonly file: FlowFile;
  /** Whether `file` is what was written, or only what is left of it without the members at fault. */
  readonly whole: boolean;
}

/** Leaving out what does not fit may leave its parent without what it needs, and so on upwards. */
const ROUNDS_MAX = 5;

/**
 * Checks a flow file against the schema, and words what does not fit for the person who wrote it.
 *
 * What does not fit is left out of the answer, so that the rest can be checked in the same run.
 */
export function checkShape(value: Json, faults: Faults): Shape | undefined {
  const parsed = flowSchema.safeParse(value, { error: noteOf });
  if (parsed.success) return { file: parsed.data, whole: true };
  for (const issue of parsed.error.issues) report(issue, [], value, faults);
  const rest = structuredClone(value);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const again = flowSchema.safeParse(rest);
    if (again.success) return { file: again.data, whole: false };
    for (const issue of again.error.issues) leaveOut(rest, issue);
  }
  return undefined;
}

function leaveOut(root: Json, issue: z.core.$ZodIssue): void {
  const path = issue.path as (string | number)[];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) remove(root, [...path, key]);
  } else if (path.length === 1 && path[0] === "flow") {
    (root as Record<string, Json>)["flow"] = "unnamed";
  } else remove(root, path);
}

function remove(root: Json, path: Path): void {
  const parent = valueAt(root, path.slice(0, -1));
  const last = path.at(-1);
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isJsonObject(parent)) {
    const members = parent as Record<string, Json>;
    const name = String(last);
    // A state that is none stays as an empty one: others may lead to it.
    if (path.at(-2) === "states") members[name] = {};
    else if (name in members) delete members[name];
    else if (path.length > 1) remove(root, path.slice(0, -1)); // what lacks a member is left out itself
  }
}

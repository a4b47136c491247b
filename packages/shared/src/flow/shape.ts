import type * as z from "zod";
import { isJsonObject, type Json } from "../contract/json.ts";
import { didYouMean, type Faults, type Path } from "./fault.ts";
import { type FlowFile, flowSchema } from "./schema.ts";

/** A flow file held against the schema. */
export interface Shape {
  readonly file: FlowFile;
  /** Whether `file` is what was written, or only what is left of it without the members at fault. */
  readonly whole: boolean;
}

/**
 * Checks a flow file against the schema, and words what does not fit for the person who wrote it.
 *
 * What does not fit is left out of the answer, so that the rest can be checked in the same run.
 */
export function checkShape(value: Json, faults: Faults): Shape | undefined {
  const parsed = flowSchema.safeParse(value);
  if (parsed.success) return { file: parsed.data, whole: true };
  for (const issue of parsed.error.issues) report(issue, [], value, faults);
  const rest = structuredClone(value);
  for (let round = 0; round < 5; round++) {
    const again = flowSchema.safeParse(rest);
    if (again.success) return { file: again.data, whole: false };
    for (const issue of again.error.issues) leaveOut(rest, issue);
  }
  return undefined;
}

function leaveOut(root: Json, issue: Issue): void {
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
  else if (isJsonObject(parent)) delete (parent as Record<string, Json>)[String(last)];
}

type Issue = z.core.$ZodIssue;

function report(issue: Issue, above: Path, root: Json, faults: Faults): void {
  const path = [...above, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case "invalid_union":
      return reportUnion(issue, path, root, faults);
    case "unrecognized_keys":
      for (const key of issue.keys) unknownMember(key, path, issue, faults);
      return;
    case "invalid_key":
      for (const inner of issue.issues) report(inner, path, root, faults);
      return;
    default:
      faults.error(...wording(issue, path, root));
  }
}

function wording(
  issue: Issue,
  path: Path,
  root: Json,
): ["missing-member" | "wrong-value", Path, string] {
  if (issue.code === "invalid_type" && valueAt(root, path) === undefined) {
    return ["missing-member", path.slice(0, -1), `\`${String(path.at(-1))}\` is missing`];
  }
  const message = issue.message.replace(/^Invalid input: /, "").replace(/^Invalid option: /, "");
  return ["wrong-value", path, `${message}, found ${shown(valueAt(root, path))}`];
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Of the forms that a value may take, the one it was most likely meant to be is the one to talk about. */
function reportUnion(issue: UnionIssue, path: Path, root: Json, faults: Faults): void {
  const value = valueAt(root, path);
  const likely = issue.errors.filter((branch) => !isOtherKind(branch, kindOf(value)));
  const named = membersThatName(likely, value);
  if (named !== undefined) {
    const found = Object.keys(value as object);
    const hint = found.length === 1 ? didYouMean(found[0] as string, named) : "";
    const list = named.map((name) => `\`${name}\``).join(", ");
    const code = found.length === 0 ? "missing-member" : "unknown-member";
    faults.error(code, path, `one of ${list} is needed, found ${shown(value)}${hint}`);
    return;
  }
  const best = [...likely].sort((a, b) => weight(a) - weight(b))[0];
  if (
    best === undefined ||
    likely.every((branch) =>
      branch.every((one) => one.path.length === 0 && one.code === "invalid_value"),
    )
  ) {
    const wanted =
      [...new Set(issue.errors.flat().flatMap(wantedBy))].join(" or ") || "another value";
    faults.error("wrong-value", path, `expected ${wanted}, found ${shown(value)}`);
    return;
  }
  for (const inner of best) report(inner, path, root, faults);
}

type UnionIssue = Issue & { code: "invalid_union" };

function wantedBy(issue: Issue): string[] {
  if (issue.code === "invalid_type") return [issue.expected];
  if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value));
  return issue.code === "invalid_union" ? issue.errors.flat().flatMap(wantedBy) : [];
}

/** Where every form is an object told by a member of its own, and none of these is there: their names. */
function membersThatName(
  branches: readonly (readonly Issue[])[],
  value: Json | undefined,
): string[] | undefined {
  if (branches.length < 2 || !isJsonObject(value)) return undefined;
  const names = branches.map((branch) => {
    const missing = branch.find((one) => one.path.length === 1 && !(String(one.path[0]) in value));
    return missing === undefined ? undefined : String(missing.path[0]);
  });
  return names.every((name) => name !== undefined) ? (names as string[]) : undefined;
}

function kindOf(value: Json | undefined): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}

function isOtherKind(branch: readonly Issue[], kind: string): boolean {
  return branch.some((issue) => {
    if (issue.path.length > 0) return false;
    if (issue.code === "invalid_union")
      return issue.errors.every((inner) => isOtherKind(inner, kind));
    if (issue.code === "invalid_type") {
      return !(issue.expected === kind || (issue.expected === "record" && kind === "object"));
    }
    return issue.code === "invalid_value" && (kind === "object" || kind === "array");
  });
}

/** A form that knows none of what is there, or lacks what it must have, is far from what was meant. */
function weight(branch: readonly Issue[]): number {
  let sum = 0;
  for (const issue of branch) {
    if (issue.code === "unrecognized_keys") sum += 10 * issue.keys.length;
    else if (issue.path.length <= 1 && issue.code === "invalid_type") sum += 15;
    else sum += 1;
  }
  return sum;
}

/** What XState knows and Millrace does not, and why. */
const unsupported: Readonly<Record<string, string>> = {
  actors: "actors are code; the one thing a state can invoke is `src: call`",
  guards: "guards are written where they are used, as CEL",
  delays: "delays are written where they are used, as `30s` or `${…}`",
  spawn: "instances are not spawned by a machine; use `send` to talk to another instance",
  spawnChild: "instances are not spawned by a machine; use `send` to talk to another instance",
  stopChild: "there are no child actors; leaving a state ends what it invoked",
  sendTo: "there are no actors to send to; use `send` for another instance, `command` for a thing",
  sendParent: "there is no parent; use `send` for another instance",
  forwardTo: "there are no actors to forward to; use `send` for another instance",
  enqueueActions: "enqueueActions takes code; write guarded transitions",
  emit: "nobody listens to emitted events; use `publish` or `log`",
  systemId: "there is no actor system to be named in",
  onSnapshot: "an HTTP call has no snapshots; use `onDone` and `onError`",
  syncSnapshot: "an HTTP call has no snapshots; use `onDone` and `onError`",
  exec: "actions are data; a machine file has no code",
  cond: "XState 5 calls it `guard`",
  internal: "XState 5 calls it `reenter` (with the opposite sense)",
  activities: "XState 5 has `invoke` instead",
  types: "types are for TypeScript; a file has none",
  setup: "a flow file has no code to set up",
};

function unknownMember(
  key: string,
  path: Path,
  issue: Issue & { code: "unrecognized_keys" },
  faults: Faults,
): void {
  const why = unsupported[key];
  if (why !== undefined) {
    faults.error("unsupported", [...path, key], `\`${key}\` is not supported: ${why}`);
    return;
  }
  const known = knownMembers(issue);
  faults.error(
    "unknown-member",
    [...path, key],
    `unknown member \`${key}\`${didYouMean(key, known)}`,
  );
}

function knownMembers(issue: Issue): readonly string[] {
  const { inst } = issue as { inst?: { _zod?: { def?: { shape?: object } } } };
  return Object.keys(inst?._zod?.def?.shape ?? {});
}

function valueAt(root: Json, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, Json>)[part];
  }
  return value;
}

import type * as z from "zod";
import { isJsonObject, type Json } from "../contract/json.ts";
import { didYouMean, type FaultCode, type Faults, type Path } from "./fault.ts";
import { actionForms, actionNames, invocationSource } from "./schema.ts";

/** What zod finds, in the words of a person who writes flows. */

type Issue = z.core.$ZodIssue;
type UnionIssue = Issue & { code: "invalid_union" };

const AN_ACTION = "an action";

/**
 * What a finished issue no longer knows of the schema that raised it, put into its message: the members
 * that there are, or what it is.
 */
export function noteOf(issue: z.core.$ZodRawIssue): string | undefined {
  const { inst } = issue as { inst?: { _zod?: { def?: { shape?: object } } } };
  if (issue.code === "unrecognized_keys")
    return Object.keys(inst?._zod?.def?.shape ?? {}).join(" ");
  return actionForms.includes(inst as never) ? AN_ACTION : undefined;
}

export function report(issue: Issue, above: Path, root: Json, faults: Faults): void {
  const path = [...above, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case "invalid_union":
      return reportUnion(issue, path, root, faults);
    case "unrecognized_keys":
      for (const key of issue.keys) unknownMember(key, path, issue.message.split(" "), faults);
      return;
    case "invalid_key":
      for (const inner of issue.issues) report(inner, path, root, faults);
      return;
    default:
      faults.error(...wording(issue, path, valueAt(root, path)));
  }
}

function wording(issue: Issue, path: Path, value: Json | undefined): [FaultCode, Path, string] {
  if (value === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value"))
    return ["missing-member", path.slice(0, -1), `\`${String(path.at(-1))}\` is missing`];
  if (issue.code === "custom" && issue.params?.["code"] === "duration")
    return ["duration", path, `${shown(value)} is not a duration: ${issue.message}`];
  if (issue.code === "invalid_value" && issue.values[0] === invocationSource) {
    const message = `${shown(value)} cannot be invoked: \`src: ${invocationSource}\`, an HTTP request, is all there is`;
    return ["unsupported", path, message];
  }
  if (issue.code === "invalid_type")
    return ["wrong-value", path, `expected ${nameOf(issue.expected)}, found ${shown(value)}`];
  const message = issue.message.replace(/^Invalid (input|option): /, "");
  return ["wrong-value", path, `${message}, found ${shown(value)}`];
}

/** JSON's name of what zod expects. */
function nameOf(expected: string): string {
  return expected === "record" ? "object" : expected;
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Of the forms that a value may take, the one it was most likely meant to be is the one to talk about. */
function reportUnion(issue: UnionIssue, path: Path, root: Json, faults: Faults): void {
  const value = valueAt(root, path);
  if (value === undefined) return faults.error(...missing(path));
  if (issue.message === AN_ACTION && typeof value === "string") {
    const message = `\`${value}\` would be the name of code: write the action itself, as \`log: …\``;
    return faults.error("unsupported", path, message);
  }
  const likely = issue.errors.filter((branch) => !isOtherKind(branch, kindOf(value)));
  const named = membersThatName(likely, value);
  if (named !== undefined) return reportUnnamed(value as object, named, path, faults);
  const best = [...likely].sort((a, b) => weight(a, value) - weight(b, value))[0];
  if (best === undefined || likely.every(isOneOfWords)) {
    const wanted = [...new Set(issue.errors.flat().flatMap(wantedBy))].join(" or ");
    const message = `expected ${wanted || "another value"}, found ${shown(value)}`;
    return faults.error("wrong-value", path, message);
  }
  for (const inner of best) report(inner, path, root, faults);
}

function missing(path: Path): ["missing-member", Path, string] {
  return ["missing-member", path.slice(0, -1), `\`${String(path.at(-1))}\` is missing`];
}

/** An object that has none of the members by which its forms are told. */
function reportUnnamed(value: object, named: readonly string[], path: Path, faults: Faults): void {
  const found = Object.keys(value);
  const list = named.map((name) => `\`${name}\``).join(", ");
  const foreign = found.find((key) => key in unsupported || key === "type");
  if (foreign !== undefined) {
    const why = foreign === "type" ? "it would name code" : unsupported[foreign];
    const message = `\`${foreign}\` is not supported: ${why}. One of ${list} is needed`;
    return faults.error("unsupported", [...path, foreign], message);
  }
  const hint = found.length === 1 ? didYouMean(found[0] as string, named) : "";
  const code = found.length === 0 ? "missing-member" : "unknown-member";
  faults.error(code, path, `one of ${list} is needed, found ${shown(value as Json)}${hint}`);
}

function isOneOfWords(branch: readonly Issue[]): boolean {
  return branch.every((one) => one.path.length === 0 && one.code === "invalid_value");
}

function wantedBy(issue: Issue): string[] {
  if (issue.code === "invalid_type") return [nameOf(issue.expected)];
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
    const missing = branch.find((one) => isMissing(one, value));
    return missing === undefined ? undefined : String(missing.path[0]);
  });
  return names.every((name) => name !== undefined) ? (names as string[]) : undefined;
}

function isMissing(issue: Issue, value: Json): boolean {
  return issue.path.length === 1 && isJsonObject(value) && !(String(issue.path[0]) in value);
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
    if (issue.code === "invalid_type") return nameOf(issue.expected) !== kind;
    return issue.code === "invalid_value" && (kind === "object" || kind === "array");
  });
}

/** A form that knows none of what is there, or lacks what it must have, is far from what was meant. */
function weight(branch: readonly Issue[], value: Json): number {
  let sum = 0;
  for (const issue of branch) {
    if (issue.code === "unrecognized_keys") sum += 10 * issue.keys.length;
    else if (isMissing(issue, value)) sum += 15;
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

function unknownMember(key: string, path: Path, known: readonly string[], faults: Faults): void {
  const why = unsupported[key];
  if (why !== undefined) {
    faults.error("unsupported", [...path, key], `\`${key}\` is not supported: ${why}`);
    return;
  }
  const [first = ""] = known;
  const hint =
    actionNames.includes(key) && actionNames.includes(first)
      ? `: an action does one thing, here \`${first}\`; write a list of two`
      : didYouMean(key, known);
  faults.error("unknown-member", [...path, key], `unknown member \`${key}\`${hint}`);
}

export function valueAt(root: Json, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, Json>)[part];
  }
  return value;
}

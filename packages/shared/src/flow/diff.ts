import { type Change, changesBetween } from "../contract/changes.ts";
import type { Json } from "../contract/json.ts";
import { parseDurationMs } from "../contract/time.ts";
import { listOf, type MachineConfig, type StateConfig } from "./machine-config.ts";
import type { FlowFile } from "./schema.ts";

/** What one flow has and another has not, or has otherwise, in words. */
export interface FlowChange {
  readonly kind: "added" | "removed" | "changed";
  /** `state lit`, `transition on motion of lit`, `input motion`. */
  readonly what: string;
  /** undefined for what was added. */
  readonly was?: Json;
  /** undefined for what was removed. */
  readonly now?: Json;
  /** Where both have it: its members that differ. */
  readonly members?: readonly Change[];
}

/** The parts of a flow by what they are called, in the order of the file. */
type Parts = Map<string, Json>;

/**
 * What is different between two flows, part by part: states, transitions, timers, inputs, commands. How
 * it is written does not matter: a target alone or in a list, `30s` or `30000`.
 */
export function diffFlows(was: FlowFile, now: FlowFile): readonly FlowChange[] {
  const [before, after] = [partsOf(was), partsOf(now)];
  const changes: FlowChange[] = [];
  for (const [what, part] of before) {
    const other = after.get(what);
    if (other === undefined) changes.push({ kind: "removed", what, was: part });
    else {
      const members = changesBetween(part, other);
      if (members.length > 0)
        changes.push({ kind: "changed", what, was: part, now: other, members });
    }
  }
  for (const [what, part] of after)
    if (!before.has(what)) changes.push({ kind: "added", what, now: part });
  return changes.filter((change) => !isWithin(change, changes));
}

function partsOf({ inputs = {}, commands = {}, machine, ...rest }: FlowFile): Parts {
  const parts: Parts = new Map();
  for (const [name, value] of Object.entries(rest)) parts.set(name, value as Json);
  for (const [name, input] of Object.entries(inputs)) parts.set(`input ${name}`, input as Json);
  for (const [name, command] of Object.entries(commands))
    parts.set(`command ${name}`, command as Json);
  const { context = {}, ...root } = machine as unknown as MachineConfig;
  for (const [name, value] of Object.entries(context)) parts.set(`context ${name}`, value);
  addState(parts, root, "");
  return parts;
}

function addState(parts: Parts, state: StateConfig, path: string): void {
  const { on = {}, after = {}, always, states = {}, ...rest } = state;
  const of = path === "" ? "" : ` of ${path}`;
  for (const [type, transitions] of Object.entries(on))
    parts.set(`transition on ${type}${of}`, listed(transitions));
  for (const [delay, transitions] of Object.entries(after))
    parts.set(`timer ${nameOfDelay(delay)}${of}`, listed(transitions));
  if (always !== undefined) parts.set(`always${of}`, listed(always));
  for (const [name, value] of Object.entries(rest)) parts.set(`${name}${of}`, value as Json);
  for (const [name, inner] of Object.entries(states)) {
    const below = path === "" ? name : `${path}.${name}`;
    parts.set(`state ${below}`, null);
    addState(parts, inner, below);
  }
}

/** Transitions as a list of objects, whichever way they are written. */
function listed(transitions: unknown): Json {
  const all = transitions === null ? [{}] : listOf(transitions as Json);
  return all.map((one) => (typeof one === "string" ? { target: one } : one)).map(withLists) as Json;
}

function withLists(transition: unknown): unknown {
  const { actions, ...rest } = transition as { readonly actions?: Json };
  return actions === undefined ? rest : { ...rest, actions: listOf(actions) };
}

function nameOfDelay(delay: string): string {
  const ms = parseDurationMs(delay);
  if (ms === undefined) return delay;
  for (const [unit, size] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** A state that comes or goes says so once, not for each part of it. */
function isWithin({ kind, what }: FlowChange, changes: readonly FlowChange[]): boolean {
  if (kind === "changed") return false;
  const path = /^state (.*)$/.exec(what)?.[1] ?? / of ([^ ]+)$/.exec(what)?.[1];
  if (path === undefined) return false;
  return changes.some((other) => {
    const state = other.kind === kind ? /^state (.*)$/.exec(other.what)?.[1] : undefined;
    if (state === undefined || other.what === what) return false;
    return path === state || path.startsWith(`${state}.`);
  });
}

import type { Instance, Owed, StateValue, Timer } from "../contract/instance.ts";
import { statesOf } from "../contract/instance.ts";
import type { EpochMs } from "../contract/time.ts";
import type { Flow } from "../flow/flow.ts";
import { canBeIn, nodeAt, rootOf, type StateNode } from "./state-nodes.ts";
import { prepareScope } from "./transition.ts";
import type { World } from "./world.ts";

/** States of one version by those of another, as paths: `{dimming: "fading", "day.noon": "noon"}`. */
export type StateMap = Readonly<Record<string, string>>;

/** A state of one version, and what it is in another. */
interface Mapped {
  readonly was: string;
  readonly now: string;
}

/**
 * What the state of an instance is in another version: states of the same name are the same, but for
 * those that are mapped, with all that is in them.
 *
 * @returns the state, or the first of its states that has none in the version
 */
export function mapState(
  flow: Flow,
  state: StateValue,
  map: StateMap,
): { readonly state: StateValue } | { readonly missing: string } {
  const leaves = mappedLeaves(state, map);
  const lost = leaves.find(
    ({ now }) => Object.keys(nodeAt(flow, now)?.states ?? { x: 1 }).length > 0,
  );
  if (lost !== undefined) return { missing: lost.was };
  const tree = treeOf(leaves.map(({ now }) => now));
  const mapped = valueOf(rootOf(flow), tree);
  // A region that is missing, or two states of which only one can be active.
  if (!canBeIn(rootOf(flow), mapped)) return { missing: leaves.map(({ was }) => was).join(", ") };
  return { state: mapped };
}

/**
 * An instance as it goes on with another version: with its context, and what it owes.
 *
 * Timers of `after` are those of the version. One with the same delay goes on; a new one counts from
 * when the state was entered, where a timer says so, and from now on where none does.
 *
 * @param state as `mapState` has it
 * @throws ExpressionError when a delay cannot be worked out
 */
export function migrated(
  instance: Instance,
  flow: Flow,
  { state, map, at }: { readonly state: StateValue; readonly map: StateMap; readonly at: EpochMs },
  world: World,
): Instance {
  const { timers: _timers, active: _active, history, owed, ...rest } = instance;
  const move = new Move(instance, flow, { state, map, at }, world);
  const timers = move.timers();
  const kept = Object.entries(history ?? {}).filter((ids) =>
    ids.flat().every((id) => hasId(flow, id)),
  );
  return {
    ...rest,
    version: flow.version,
    state,
    ...(kept.length > 0 && { history: Object.fromEntries(kept) }),
    ...(timers.length > 0 && { timers }),
    ...(owed !== undefined && { owed: move.owed(owed) }),
  };
}

class Move {
  readonly #instance: Instance;
  readonly #flow: Flow;
  readonly #before: Flow | undefined;
  readonly #at: EpochMs;
  readonly #world: World;
  /** Active states, outermost first, each with what it was; those that it was not in before, with nothing. */
  readonly #states: readonly { readonly now: string; readonly was: string | undefined }[];

  constructor(
    instance: Instance,
    flow: Flow,
    {
      state,
      map,
      at,
    }: { readonly state: StateValue; readonly map: StateMap; readonly at: EpochMs },
    world: World,
  ) {
    this.#instance = instance;
    this.#flow = flow;
    this.#before = world.flow(instance.version);
    this.#at = at;
    this.#world = world;
    const before = new Set(["", ...statesOf(instance.state)]);
    const renamed = new Map([...before].map((was) => [rename(was, map), was]));
    this.#states = ["", ...statesOf(state)].map((now) => ({ now, was: renamed.get(now) }));
  }

  timers(): Timer[] {
    const { timers = [] } = this.#instance;
    const own = timers.filter(({ id }) => !id.startsWith(AFTER));
    return [...own, ...this.#states.flatMap(({ now, was }) => this.#timersOf(now, was))];
  }

  #timersOf(now: string, was: string | undefined): Timer[] {
    const { timers = [], seq } = this.#instance;
    const node = nodeAt(this.#flow, now);
    const before = was === undefined ? undefined : this.#idBefore(was);
    const entered = before === undefined ? undefined : enteredAt(timers, before);
    return Object.keys(node?.config.after ?? {}).flatMap((delay): Timer[] => {
      const id = `${AFTER}${delay}.${node?.id}`;
      const going = timers.filter((timer) => timer.id === `${AFTER}${delay}.${before}`);
      if (going.length > 0) return going.map((timer) => ({ ...timer, id }));
      if (was !== undefined && this.#hadTimer(was, delay)) return []; // it has fired
      const due = Math.max(this.#at, (entered ?? this.#at) + this.#delayMs(delay));
      return [{ id, due, seq: seq + 1 }];
    });
  }

  #idBefore(path: string): string {
    const node = this.#before && nodeAt(this.#before, path);
    return node?.id ?? [this.#instance.flow, path].filter((part) => part !== "").join(".");
  }

  #hadTimer(path: string, delay: string): boolean {
    const node = this.#before && nodeAt(this.#before, path);
    return Object.hasOwn(node?.config.after ?? {}, delay);
  }

  #delayMs(delay: string): number {
    const ms = Number(delay);
    if (Number.isFinite(ms)) return ms;
    const { context, thing, things } = this.#instance;
    const event = { type: "migrate" };
    const seen = { to: this.#instance, thing, things, event, levels: [], at: this.#at };
    prepareScope(this.#flow, seen, this.#world);
    const { delays } = this.#flow.machine.implementations as unknown as {
      readonly delays: Readonly<Record<string, (args: object) => number>>;
    };
    return delays[delay]?.({ context, event }) ?? 0;
  }

  /** An invocation is known by the id of its state, which may have another by now. */
  owed(owed: Readonly<Record<string, Owed>>): Record<string, Owed> {
    const entries = Object.entries(owed).map(([key, one]) => {
      const found = this.#states.find(
        ({ was }) => was !== undefined && one.invoke?.endsWith(`.${this.#idBefore(was)}`) === true,
      );
      const node = found && nodeAt(this.#flow, found.now);
      if (one.invoke === undefined || node === undefined) return [key, one] as const;
      const place = one.invoke.split(".")[0] ?? "0";
      return [key, { ...one, invoke: `${place}.${node.id}` }] as const;
    });
    return Object.fromEntries(entries);
  }
}

/** How XState names the timers of `after`. */
const AFTER = "xstate.after.";

/** When a state was entered, by one of its timers whose delay is known. */
function enteredAt(timers: readonly Timer[], id: string): EpochMs | undefined {
  for (const timer of timers) {
    if (!timer.id.startsWith(AFTER) || !timer.id.endsWith(`.${id}`)) continue;
    const ms = Number(timer.id.slice(AFTER.length, -id.length - 1));
    if (Number.isFinite(ms)) return timer.due - ms;
  }
  return undefined;
}

function hasId(flow: Flow, id: string): boolean {
  try {
    return Boolean(flow.machine.getStateNodeById(id));
  } catch {
    return false; // XState throws
  }
}

function mappedLeaves(state: StateValue, map: StateMap): readonly Mapped[] {
  return leavesOf(state).map((was) => ({ was, now: rename(was, map) }));
}

function leavesOf(state: StateValue, above = ""): string[] {
  if (typeof state === "string") return [above + state];
  return Object.entries(state).flatMap(([name, inner]) =>
    typeof inner === "object" && Object.keys(inner).length === 0
      ? [above + name]
      : leavesOf(inner, `${above}${name}.`),
  );
}

/** The nearest mapped state at or above a path says what it is called. */
function rename(path: string, map: StateMap): string {
  for (
    let above = path;
    above !== "";
    above = above.slice(0, Math.max(0, above.lastIndexOf(".")))
  ) {
    const now = Object.hasOwn(map, above) ? map[above] : undefined;
    if (now !== undefined) return now + path.slice(above.length);
  }
  return path;
}

interface Tree {
  [name: string]: Tree;
}

function treeOf(paths: readonly string[]): Tree {
  const root: Tree = {};
  for (const path of paths) {
    let tree = root;
    for (const name of path.split(".")) tree = tree[name] ??= {};
  }
  return root;
}

/** As XState writes it: a leaf's name alone, but for regions. */
function valueOf(node: StateNode | undefined, tree: Tree): StateValue {
  const entries = Object.entries(tree).map(
    ([name, inner]) => [name, inner, valueOf(node?.states[name], inner)] as const,
  );
  const [only] = entries;
  if (node?.type !== "parallel" && entries.length === 1 && only !== undefined) {
    const [name, inner] = only;
    if (Object.keys(inner).length === 0) return name;
  }
  return Object.fromEntries(entries.map(([name, , value]) => [name, value]));
}

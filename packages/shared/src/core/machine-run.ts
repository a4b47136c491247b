import { type AnyActorScope, type AnyStateMachine, createActor, createMachine } from "xstate";
import type { Instance, StateValue } from "../contract/instance.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import type { EffectDraft } from "../flow/actions.ts";
import type { Flow } from "../flow/flow.ts";

/**
 * XState's pure transitions, for a machine whose state we keep ourselves.
 *
 * `machine.transition` is what XState's `transition()` calls; that one builds a whole inert actor
 * first, each time, which is two thirds of its cost (8.5 us against 2.8, docs/architecture.md). The
 * scope below is the same inert one, built once: nothing is ever executed or started in it.
 */
export interface Moved {
  readonly snapshot: Snapshot;
  readonly actions: readonly Action[];
}

/** What we read of XState's machine snapshot. */
export interface Snapshot {
  readonly value: StateValue;
  readonly context: JsonObject;
  readonly status: "active" | "done" | "error" | "stopped";
  readonly output: unknown;
  readonly error: unknown;
  readonly historyValue: Readonly<Record<string, readonly { readonly id: string }[]>>;
  /** XState's own record of the active states; it has more in it than `value` says. */
  readonly _nodes: readonly Node[];
}

interface Node {
  readonly id: string;
  /** Its place in the document. */
  readonly order: number;
  readonly parent: Node | undefined;
}

/** What a transition asks for, in order. */
export type Action =
  | { readonly type: "millrace.effect"; readonly params: EffectDraft }
  | {
      readonly type: "xstate.raise";
      readonly params: {
        readonly event: JsonObject & { readonly type: string };
        readonly id?: string;
        readonly delay?: number;
      };
    }
  | { readonly type: "xstate.cancel"; readonly params: { readonly sendId: string } }
  | {
      readonly type: "xstate.spawnChild";
      readonly params: { readonly id: string; readonly input: JsonObject };
    }
  | { readonly type: "xstate.stopChild"; readonly params: { readonly id: string } | undefined };

export type MachineEvent = JsonObject & { readonly type: string };

let collected: Action[] = [];

const inert = createActor(createMachine({}));
const scope = {
  self: inert,
  id: "",
  sessionId: "",
  system: inert.system,
  logger: () => {},
  defer: () => {},
  emit: () => {},
  stopChild: () => {},
  actionExecutor: (action: unknown) => {
    collected.push(action as Action);
  },
} as unknown as AnyActorScope;

/** The machine at its start: initial states entered, before any event. @throws what an expression threw */
export function begin(flow: Flow): Moved {
  collected = [];
  const snapshot = flow.machine.getInitialSnapshot(scope as never) as unknown as Snapshot;
  // XState answers an error at the start as a state of its own.
  if (snapshot.status === "error") throw snapshot.error;
  return { snapshot, actions: collected };
}

/** One macrostep. @throws what a guard or an action's expression threw; the snapshot is untouched */
export function take(flow: Flow, snapshot: Snapshot, event: MachineEvent): Moved {
  collected = [];
  const next = flow.machine.transition(snapshot as never, event as never, scope as never);
  return { snapshot: next as unknown as Snapshot, actions: collected };
}

const snapshotOf = Symbol("XState snapshot");

/** The live snapshot is kept beside the instance, where JSON does not see it: to restore one costs about 1 us. */
export function keepSnapshot(instance: Instance, snapshot: Snapshot): Instance {
  (instance as { [snapshotOf]?: Snapshot })[snapshotOf] = snapshot;
  return instance;
}

export function restore(flow: Flow, instance: Instance): Snapshot {
  const kept = (instance as { [snapshotOf]?: Snapshot })[snapshotOf];
  if (kept !== undefined) return kept;
  const { machine } = flow;
  const resolved = resolvedState(flow, instance.state);
  return {
    ...resolved,
    context: instance.context,
    status: resolved.status === "done" ? "done" : statusOf(instance),
    historyValue: historyNodes(machine, instance.history ?? {}),
    _nodes:
      instance.active?.map((id) => machine.getStateNodeById(id) as unknown as Node) ??
      resolved._nodes,
    // Leaving a state ends what it invoked: XState looks its children up by id, and needs no more.
    children: invokedBy(instance),
  } as Snapshot;
}

/** Snapshots of state values seen before: to work one out costs XState as much as a transition. */
const resolvedStates = new WeakMap<Flow, Map<string, Snapshot>>();
const RESOLVED_STATES_MAX = 1_000;

function resolvedState(flow: Flow, value: StateValue): Snapshot {
  const key = JSON.stringify(value);
  const known = resolvedStates.get(flow) ?? new Map<string, Snapshot>();
  let snapshot = known.get(key);
  if (snapshot === undefined) {
    const resolved = flow.machine.resolveState({ value: value as never, context: {} }) as unknown;
    const nodes = (resolved as Snapshot)._nodes.toSorted((a, b) => a.order - b.order);
    snapshot = Object.assign(resolved as Snapshot, { value, _nodes: nodes });
    if (known.size >= RESOLVED_STATES_MAX) known.clear();
    resolvedStates.set(flow, known.set(key, snapshot));
  }
  return snapshot;
}

/** The active states, where they cannot be told from the state value alone. */
export function activeIds({ _nodes: nodes }: Snapshot): string[] | undefined {
  let last = -1;
  for (const { order, parent } of nodes) {
    if (order < last || (parent !== undefined && !nodes.includes(parent)))
      return nodes.map(({ id }) => id);
    last = order;
  }
  return undefined;
}

function statusOf(instance: Instance): "active" | "done" | "error" {
  if (instance.status === "done") return "done";
  return instance.status === "failed" ? "error" : "active";
}

function historyNodes(
  machine: AnyStateMachine,
  history: Readonly<Record<string, readonly string[]>>,
): Record<string, unknown[]> {
  return Object.fromEntries(
    Object.entries(history).map(([id, states]) => [
      id,
      states.map((state) => machine.getStateNodeById(state)),
    ]),
  );
}

function invokedBy(instance: Instance): Record<string, { id: string }> {
  const invoked: Record<string, { id: string }> = {};
  for (const key in instance.owed) {
    const id = instance.owed[key]?.invoke;
    if (id !== undefined) invoked[id] = { id };
  }
  return invoked;
}

/** History values as the ids of states, sorted out of XState's nodes. */
export function historyIds(snapshot: Snapshot): Record<string, string[]> | undefined {
  const entries = Object.entries(snapshot.historyValue);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([id, nodes]) => [id, nodes.map((node) => node.id)]));
}

/** A machine's output or error as JSON. */
export function plainJson(value: unknown): Json {
  if (value instanceof Error) return { message: value.message };
  const text = JSON.stringify(value);
  return text === undefined ? null : (JSON.parse(text) as Json);
}

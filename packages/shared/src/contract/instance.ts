import type { Json, JsonObject } from "./json.ts";
import type { InstanceRef } from "./names.ts";
import type { EpochMs } from "./time.ts";

export const instanceStatuses = ["running", "paused", "done", "failed", "cancelled"] as const;
export type InstanceStatus = (typeof instanceStatuses)[number];

/** XState's state value: a leaf's name, or an object of regions. */
export type StateValue = string | { readonly [region: string]: StateValue };

/** A pending timer. It fires as an input, if the instance still holds it then. */
export interface Timer {
  /** XState's id of the delayed event; what `cancel` names. */
  readonly id: string;
  readonly due: EpochMs;
  /** The step that set it. */
  readonly seq: number;
  /** The event to feed; absent when it is `{type: id}`, as for `after`. */
  readonly event?: JsonObject & { readonly type: string };
  /** Set where a later one took its id, or one of the same id has fired: `cancel` misses it. */
  readonly loose?: true;
}

/** An effect whose outcome the instance still waits for, under `generation/seq/index` of the step that asked. */
export interface Owed {
  readonly kind: "command" | "call";
  readonly name: string;
  /** The engine's own timer: at this time it is `expired`. */
  readonly deadline?: EpochMs;
  /** The invocation that waits for a call, by XState's id. */
  readonly invoke?: string;
  /** Set once the dispatcher has put it aside; what it needs to try again from the store alone. */
  readonly parked?: JsonObject;
  /** With `parked`: the W3C `traceparent` of what caused the effect. */
  readonly trace?: string;
}

/** Which thing has which role in a deployment: names of things by roles. */
export type Bindings = Readonly<Record<string, string>>;

/** The whole state of one running machine, as the journal and the store hold it. */
export interface Instance extends InstanceRef {
  /** Content hash of the flow version it runs until it is migrated. */
  readonly version: string;
  /** Offset of the event that began it. */
  readonly generation: number;
  /** Steps taken by this generation. */
  readonly seq: number;
  readonly status: InstanceStatus;
  readonly state: StateValue;
  readonly context: JsonObject;
  /**
   * Ids of the active states, in XState's order, where that is not the order of the document: of two
   * regions that want to go different ways at once, the order decides, and it grows with what happens.
   */
  readonly active?: readonly string[];
  /** History nodes that were left, each with the ids of the states to return to. */
  readonly history?: Readonly<Record<string, readonly string[]>>;
  readonly timers?: readonly Timer[];
  readonly owed?: Readonly<Record<string, Owed>>;
  readonly output?: Json;
  /** Why it failed. */
  readonly error?: Json;
  /** The thing that it belongs to: the sender of its first event. One of a deployment has none. */
  readonly thing?: string;
  /** Of a deployment: its things by role, as the last event that came by it brought them. */
  readonly things?: Bindings;
  /** Offset of the last event it took; one at or below it is a repeat. */
  readonly in: number;
  /** The last event ids it took, oldest first. */
  readonly ids?: readonly string[];
  readonly startedAt: EpochMs;
  readonly updatedAt: EpochMs;
}

/** Whether bindings are others than before. @param now undefined where nothing brings any */
export function rebinds(before: Bindings | undefined, now: Bindings | undefined): boolean {
  if (now === undefined || before === now) return false;
  const roles = Object.keys(now);
  return (
    before === undefined ||
    roles.length !== Object.keys(before).length ||
    roles.some((role) => now[role] !== before[role])
  );
}

/** When the instance next wants to hear from the clock: its earliest timer or deadline. Paused, never. */
export function nextDue(instance: Instance): EpochMs | undefined {
  if (instance.status === "paused") return undefined;
  let due: EpochMs | undefined;
  for (const timer of instance.timers ?? []) {
    if (due === undefined || timer.due < due) due = timer.due;
  }
  for (const key in instance.owed) {
    const deadline = instance.owed[key]?.deadline;
    if (deadline !== undefined && (due === undefined || deadline < due)) due = deadline;
  }
  return due;
}

/** Every active state as a path: `{a: "b", c: {d: "e"}}` has `a`, `a.b`, `c`, `c.d` and `c.d.e`. */
export function statesOf(state: StateValue, above = ""): string[] {
  if (typeof state === "string") return [above + state];
  return Object.entries(state).flatMap(([region, inner]) => [
    above + region,
    ...statesOf(inner, `${above}${region}.`),
  ]);
}

export function isEnded(instance: Instance): boolean {
  return (
    instance.status === "done" || instance.status === "failed" || instance.status === "cancelled"
  );
}

/**
 * The flow that the model's instances run: small, and so made that a repeat, a loss or a stale state
 * leaves a trace in the instance.
 */
export type EventType = "x" | "y" | "z" | "quit" | "signal" | "parked" | "result";

export interface Effect {
  readonly id: string;
  /** The instance that asked for it. */
  readonly of: string;
  readonly kind: "command" | "send";
  /** Whether the flow waits for its outcome. */
  readonly owed: boolean;
  /** Of a send: the instance that is to hear of it. */
  readonly to: string;
}

interface Owed {
  readonly effect: Effect;
  readonly parked: boolean;
}

export interface Instance {
  readonly key: string;
  readonly generation: number;
  readonly seq: number;
  readonly last: EventType | "timer";
  readonly timer: boolean;
  /** Log time of its end, -1 while it runs. */
  readonly endedAt: number;
  /** Offset of the last event taken. */
  readonly in: number;
  readonly owed: readonly Owed[];
}

/** What an event asks the instance to have done, in the model; a machine would say so itself. */
export type Asked = "nothing" | "command" | "owed command" | "send";

export interface EventInput {
  readonly type: EventType;
  readonly offset: number;
  readonly time: number;
  readonly asks: Asked;
  /** Of a send that is asked for: who is to hear. */
  readonly to: string;
  /** What a `parked` or a `result` is about. */
  readonly effect: Effect | undefined;
}

export type Input = EventInput | "timer";

export interface Decision {
  readonly instance: Instance;
  readonly effects: readonly Effect[];
}

/** Longer ago than this, what has ended is not kept. */
const KEEP_DONE_MS = 25_000;

/** Pure. @returns undefined where the input changes nothing */
export function decide(
  key: string,
  before: Instance | undefined,
  input: Input,
): Decision | undefined {
  if (input === "timer") {
    if (before?.timer !== true) return undefined;
    return { instance: next(before, { last: "timer", timer: false }), effects: [] };
  }
  if (before !== undefined && input.offset <= before.in) return undefined;
  if (input.type === "parked" || input.type === "result") return decideOutcome(before, input);
  const running = before !== undefined && before.endedAt < 0;
  if (!running) return startedBy(input.type) ? begin(key, before, input) : undefined;
  if (input.type === "y" && before.last !== "x") return undefined;
  if (input.type === "z" && before.last !== "timer") return undefined;
  const ended = input.type === "quit" ? { timer: false, endedAt: input.time } : {};
  const timer = input.type === "x" ? { timer: true } : {};
  return asking(next(before, { last: input.type, in: input.offset, ...timer, ...ended }), input);
}

/** Whether an instance that has ended may be dropped: nobody will ask for it, nor for what it owes. */
export function isExpired({ endedAt, owed }: Instance, time: number): boolean {
  return endedAt >= 0 && time - endedAt > KEEP_DONE_MS && owed.length === 0;
}

export function isSame(a: Instance | undefined, b: Instance | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.seq === b.seq &&
    a.generation === b.generation &&
    a.last === b.last &&
    a.timer === b.timer &&
    a.endedAt === b.endedAt &&
    a.in === b.in &&
    a.owed.length === b.owed.length &&
    a.owed.every((one, i) => isSameOwed(one, b.owed[i]))
  );
}

function isSameOwed(a: Owed, b: Owed | undefined): boolean {
  return a.effect.id === b?.effect.id && a.parked === b.parked;
}

function startedBy(type: EventType): boolean {
  return type === "x" || type === "signal";
}

function begin(key: string, before: Instance | undefined, input: EventInput): Decision {
  const { type: last, offset } = input;
  const timer = last === "x";
  const owed = before?.owed ?? [];
  const fresh = { key, generation: offset, seq: 1, last, timer, endedAt: -1, in: offset, owed };
  return asking(fresh, input);
}

function next(before: Instance, change: Partial<Instance>): Instance {
  return { ...before, seq: before.seq + 1, ...change };
}

function asking(instance: Instance, { asks, to }: EventInput): Decision {
  if (asks === "nothing") return { instance, effects: [] };
  const { key, generation, seq } = instance;
  const owed = asks === "owed command";
  const kind = asks === "send" ? "send" : "command";
  const effect: Effect = { id: `${key}/${generation}/${seq}`, of: key, kind, owed, to };
  const nowOwed = owed ? [...instance.owed, { effect, parked: false }] : instance.owed;
  return { instance: { ...instance, owed: nowOwed }, effects: [effect] };
}

/** An effect is put aside, or it is done: the machine hears of neither. */
function decideOutcome(before: Instance | undefined, input: EventInput): Decision | undefined {
  const { effect, type, offset } = input;
  if (before === undefined || effect === undefined) return undefined;
  const known = before.owed.find((one) => one.effect.id === effect.id);
  const others = before.owed.filter((one) => one !== known);
  if (type === "result") {
    if (known === undefined) return undefined;
    return { instance: next(before, { in: offset, owed: others }), effects: [] };
  }
  if (known?.parked === true || (known === undefined && effect.owed)) return undefined;
  const owed = [...others, { effect, parked: true }];
  return { instance: next(before, { in: offset, owed }), effects: [] };
}

import {
  type AnyActor,
  and,
  assign,
  cancel,
  createActor,
  createMachine,
  fromPromise,
  not,
  or,
  raise,
  stateIn,
} from "xstate";
import type { MachineFile } from "./arbitrary-machine.ts";

/**
 * The same machine as a person would write it for XState, run by a live actor: translated here, and not
 * by the code under test. Its expressions are those of `arbitrary-machine.ts`, as JavaScript.
 */
export const MICROSTEPS_MAX = 60;

type Args = { context: { n: number; seen: string }; event: { output?: number } };
type Raw = Record<string, unknown>;

export class PlainActor {
  readonly #clock = new ManualClock();
  readonly #calls = new Map<string, { resolve(value: number): void; reject(error: Error): void }>();
  readonly #actor: AnyActor;
  failed: unknown;

  constructor(file: MachineFile) {
    const call = fromPromise<number, unknown>(
      ({ self }) => new Promise((resolve, reject) => this.#calls.set(self.id, { resolve, reject })),
    );
    const machine = createMachine(translate(file) as never, { actors: { call } as never });
    this.#actor = createActor(machine, { clock: this.#clock as never });
    this.#actor.subscribe({
      error: (error: unknown) => {
        this.failed = error;
      },
    });
    this.#actor.start();
  }

  send(type: string): void {
    this.#actor.send({ type });
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  /** The invocations that are under way. */
  get calling(): string[] {
    const { children } = this.#actor.getSnapshot() as {
      children: Record<string, { getSnapshot(): { status: string } } | undefined>;
    };
    return Object.keys(children)
      .filter((id) => children[id]?.getSnapshot().status === "active")
      .sort();
  }

  async answer(id: string, output: number | undefined): Promise<void> {
    const call = this.#calls.get(id);
    if (output === undefined) call?.reject(new Error("no"));
    else call?.resolve(output);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  get view(): Raw {
    const { value, context, status, output } = this.#actor.getSnapshot() as Raw;
    return { value, context, status: status === "error" ? "failed" : status, output };
  }

  stop(): void {
    this.#actor.stop();
  }
}

/** From deadline to deadline, equal ones in the order in which they were set. */
class ManualClock {
  #now = 0;
  #set = 0;
  readonly #timers = new Map<number, { at: number; call: () => void }>();

  setTimeout(call: () => void, ms: number): number {
    this.#set += 1;
    this.#timers.set(this.#set, { at: this.#now + ms, call });
    return this.#set;
  }

  clearTimeout(id: number): void {
    this.#timers.delete(id);
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, { at }]) => at <= end)
        .sort((a, b) => a[1].at - b[1].at);
      const [next] = due;
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = next[1].at;
      next[1].call();
    }
    this.#now = end;
  }
}

function translate(file: MachineFile): Raw {
  return {
    ...translateState(file),
    context: file.context,
    output: ({ context }: Args) => context.n,
    options: { maxIterations: MICROSTEPS_MAX },
  };
}

function translateState(state: Raw): Raw {
  const list = (value: unknown): unknown[] =>
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  const transitions = (value: unknown): unknown =>
    list(value).map((one) => translateTransition(one as Raw));
  const each = (value: unknown, map: (inner: unknown) => unknown): Raw =>
    Object.fromEntries(
      Object.entries((value ?? {}) as Raw).map(([key, inner]) => [key, map(inner)]),
    );
  const { id, type, initial, history, entry, exit, on, after, always, onDone, invoke, states } =
    state;
  return {
    id,
    ...(type !== undefined && { type }),
    ...(initial !== undefined && { initial }),
    ...(history !== undefined && { history }),
    entry: list(entry).map((one) => translateAction(one as Raw)),
    exit: list(exit).map((one) => translateAction(one as Raw)),
    ...(on !== undefined && { on: each(on, transitions) }),
    ...(after !== undefined && {
      after: Object.fromEntries(
        Object.entries(after as Raw).map(([delay, inner]) => [
          Number.parseInt(delay),
          transitions(inner),
        ]),
      ),
    }),
    ...(always !== undefined && { always: transitions(always) }),
    ...(onDone !== undefined && { onDone: transitions(onDone) }),
    ...(state["output"] !== undefined && { output: ({ context }: Args) => context.n }),
    ...(invoke !== undefined && { invoke: translateInvoke(invoke as Raw) }),
    ...(states !== undefined && { states: each(states, (inner) => translateState(inner as Raw)) }),
  };
}

function translateInvoke({ src, id, onDone, onError }: Raw): Raw {
  return {
    src,
    id,
    ...(onDone !== undefined && { onDone: translateTransition(onDone as Raw) }),
    ...(onError !== undefined && { onError: translateTransition(onError as Raw) }),
  };
}

function translateTransition({ target, guard, actions, reenter }: Raw): Raw {
  return {
    ...(target !== undefined && { target }),
    ...(guard !== undefined && { guard: translateGuard(guard) }),
    ...(actions !== undefined && { actions: (actions as Raw[]).map(translateAction) }),
    ...(reenter !== undefined && { reenter }),
  };
}

function translateGuard(guard: unknown): unknown {
  if (typeof guard === "string") return ({ context }: Args) => compute(guard, context.n);
  const { and: all, or: any, not: no, in: state } = guard as Raw;
  if (all !== undefined) return and((all as unknown[]).map(translateGuard) as never);
  if (any !== undefined) return or((any as unknown[]).map(translateGuard) as never);
  return no === undefined ? stateIn(state as never) : not(translateGuard(no) as never);
}

/** The few guards that are made: comparisons of `context.n`, some of them modulo, joined by `&&`. */
function compute(guard: string, n: number): boolean {
  return guard.split(" && ").every((part) => {
    const [, modulo, operator, right] =
      /^context\.n(?: % (\d+))? (==|!=|<|>) (\d+)$/.exec(part) ?? [];
    const left = modulo === undefined ? n : n % Number(modulo);
    if (operator === "==") return left === Number(right);
    if (operator === "!=") return left !== Number(right);
    if (operator === "<") return left < Number(right);
    if (operator === ">") return left > Number(right);
    throw new Error(`no such guard: ${part}`);
  });
}

function translateAction(action: Raw): unknown {
  if ("raise" in action) {
    const { raise: type, delay, id } = action as { raise: string; delay?: string; id?: string };
    return raise({ type } as never, {
      ...(delay !== undefined && { delay: Number.parseInt(delay) as never }),
      ...(id !== undefined && { id }),
    });
  }
  if ("cancel" in action) return cancel(action["cancel"] as string);
  const { n, seen } = action["assign"] as { n?: string; seen?: string };
  const change = ({ context, event }: Args): Partial<Args["context"]> => ({
    ...(n !== undefined && {
      n: n.endsWith("event.output") ? context.n + (event.output ?? 0) : context.n + 1,
    }),
    ...(seen !== undefined && { seen: context.seen + (/"(.*)"/.exec(seen)?.[1] ?? "") }),
  });
  return assign(change as never);
}

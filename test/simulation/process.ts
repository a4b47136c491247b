import type { Clock } from "@millrace/shared/ports/clock";
import type { Scheduler } from "./scheduler.ts";

/**
 * A process of the simulation: it can be paused and woken, and killed between any two things that
 * happen to it. What is dead hears of nothing any more, so none of its code runs again.
 */
export class Process {
  readonly name: string;
  readonly clock: ProcessClock;
  #state: "running" | "paused" | "dead" = "running";
  #missed: (() => void)[] = [];
  readonly #atEnd: (() => void)[] = [];
  readonly #scheduler: Scheduler;

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
    this.clock = new ProcessClock(this, scheduler);
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  /** Whatever runs in this process comes through here. */
  enter(call: () => void): void {
    if (this.#state === "running") call();
    else if (this.#state === "paused") this.#missed.push(call);
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  wake(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const missed = this.#missed;
    this.#missed = [];
    for (const call of missed) {
      this.#scheduler.after(this.#scheduler.between(0, 3), () => this.enter(call));
    }
  }

  kill(): void {
    if (this.isDead) return;
    this.#state = "dead";
    this.#missed = [];
    for (const call of this.#atEnd) call();
  }

  /** Servers notice its end by this: at once, the network willing. */
  atEnd(call: () => void): void {
    this.#atEnd.push(call);
  }
}

/** Wall clocks of processes differ by minutes and jump; monotonic ones start anywhere. */
class ProcessClock implements Clock {
  readonly #process: Process;
  readonly #scheduler: Scheduler;
  readonly #startMs: number;
  #wrongByMs = 0;

  constructor(process: Process, scheduler: Scheduler) {
    this.#process = process;
    this.#scheduler = scheduler;
    this.#startMs = scheduler.now - scheduler.between(0, 100_000);
  }

  /** From here on the wall clock is wrong by so much. */
  jump(wrongByMs: number): void {
    this.#wrongByMs = wrongByMs;
  }

  wallMs(): number {
    return this.#scheduler.now + this.#wrongByMs;
  }

  monotonicMs(): number {
    return this.monotonicAt(this.#scheduler.now);
  }

  /** What the monotonic clock showed, or will show, at a moment of the simulation. */
  monotonicAt(now: number): number {
    return now - this.#startMs;
  }

  after(ms: number, call: () => void): () => void {
    return this.#scheduler.after(Math.max(0, ms), () => this.#process.enter(call));
  }

  random(): number {
    return this.#scheduler.random();
  }
}

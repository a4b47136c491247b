import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** How long things take between processes and servers; each draws anew, so that any may overtake any. */
export class Network {
  readonly #scheduler: Scheduler;
  /** Of a hundred messages, how many take long. */
  slowRate = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  latencyMs(): number {
    const scheduler = this.#scheduler;
    if (scheduler.chance(this.slowRate)) return scheduler.between(40, 2_500);
    return scheduler.chance(0.1) ? scheduler.between(4, 40) : scheduler.between(0, 3);
  }

  /** Work that a server does for a process, which gets the answer unless it dies before. */
  request<T>(from: Process, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#scheduler.after(this.latencyMs(), () => {
        if (this.#wasNotSent(from)) return;
        try {
          const answer = work();
          this.answer(from, () => resolve(answer));
        } catch (error) {
          this.answer(from, () => reject(error as Error));
        }
      });
    });
  }

  answer(to: Process, call: () => void): void {
    this.#scheduler.after(this.latencyMs(), () => to.enter(call));
  }

  /** Of what a process had under way when it was killed, half was sent already. */
  #wasNotSent(from: Process): boolean {
    return from.isDead && this.#scheduler.chance(0.5);
  }
}

/** Messages that arrive in the order in which they were sent: a connection, one way. */
export class Channel {
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #to: Process | undefined;
  readonly #queue: (() => void)[] = [];
  #lastAt = 0;

  /** @param to the process that they arrive in; undefined for a server */
  constructor(scheduler: Scheduler, network: Network, to?: Process) {
    this.#scheduler = scheduler;
    this.#network = network;
    this.#to = to;
  }

  send(arrives: () => void): void {
    this.#lastAt = Math.max(this.#lastAt, this.#scheduler.now + this.#network.latencyMs());
    this.#queue.push(arrives);
    const next = (): void => this.#queue.shift()?.();
    this.#scheduler.at(this.#lastAt, () =>
      this.#to === undefined ? next() : this.#to.enter(next),
    );
  }
}

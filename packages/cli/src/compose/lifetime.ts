import { messageOf } from "@millrace/shared/errors/operational";
import { type Clock, systemClock } from "@millrace/shared/ports/clock";
import type { Line } from "./logger.ts";

interface Part {
  readonly what: string;
  readonly end: () => void | Promise<void> | undefined;
}

/** How often a start that takes long says what it waits for. */
const STILL_MS = 10_000;

/** What a process opens, one part after the other, and ends in the reverse order. */
export class Lifetime {
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #open: Part[] = [];
  #ending: string | undefined;

  /** @param line hears of what takes long to open, and of what cannot be ended */
  constructor(line: Line, clock = systemClock) {
    this.#line = line;
    this.#clock = clock;
  }

  /** What is being ended just now; undefined while nothing is. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /**
   * Opens a part; says every ten seconds that it is waited for.
   *
   * @param what its name, for a process that does not come to its start, or to its end
   */
  async open<T>(
    what: string,
    open: () => Promise<T>,
    end: (opened: T) => void | Promise<void>,
  ): Promise<T> {
    const cancel = this.#sayStill(what, STILL_MS);
    try {
      const opened = await open();
      this.add(what, () => end(opened));
      return opened;
    } finally {
      cancel();
    }
  }

  /** @returns cancels it */
  #sayStill(what: string, afterMs: number): () => void {
    let cancel = this.#clock.after(STILL_MS, () => {
      this.#line("warn", "still starting", { waitsFor: what, seconds: afterMs / 1_000 });
      cancel = this.#sayStill(what, afterMs + STILL_MS);
    });
    return () => cancel();
  }

  /** Has a part ended that needs no time to open. */
  add(what: string, end: Part["end"]): void {
    this.#open.push({ what, end });
  }

  /** Ends all of it, whatever of it fails. */
  async end(): Promise<void> {
    for (const { what, end } of this.#open.splice(0).toReversed()) {
      this.#ending = what;
      try {
        await end();
      } catch (error) {
        this.#line("warn", "while stopping", { what, why: messageOf(error) });
      }
    }
    this.#ending = undefined;
  }
}

import type { Clock } from "@millrace/shared/ports/clock";
import type { DispatchOptions } from "./options.ts";

/** Why a call may not be made now. */
export type LineRefusal = "circuit-open" | "queue-full";

/** The right to make one request. */
export interface Turn {
  /**
   * @param how it was answered, it failed, or nobody knows, for nobody waited for it
   * @returns whether the host is left alone from now on, by this failure
   */
  end(how: "answered" | "failed" | "unknown"): boolean;
}

type Begin = (turn: Turn | LineRefusal) => void;

/**
 * The calls to one host: so many at a time, the others in line; and none for a while after so many
 * failures in a row, until one that is let through as a probe is answered.
 */
class CallLine {
  readonly #clock: Clock;
  readonly #options: DispatchOptions;
  readonly #waiting = new Set<Begin>();
  #active = 0;
  #failures = 0;
  #circuit: "closed" | "open" | "probing" = "closed";
  #cancelOpen: (() => void) | undefined;

  constructor(clock: Clock, options: DispatchOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Whether it would be the same if it were made anew. */
  get idle(): boolean {
    return this.#active === 0 && this.#circuit === "closed" && this.#failures === 0;
  }

  get open(): boolean {
    return this.#circuit === "open";
  }

  /** @param begin is called at once or later, once @returns what leaves the line */
  enter(begin: Begin): () => void {
    if (this.#isClosed()) begin("circuit-open");
    else if (this.#active < this.#activeMax) this.#begin(begin);
    else if (this.#waiting.size >= this.#options.callsWaitingMax) begin("queue-full");
    else this.#waiting.add(begin);
    return () => this.#waiting.delete(begin);
  }

  /** Of a host that may be back only one call at a time is tried. */
  get #activeMax(): number {
    return this.#circuit === "probing" ? 1 : this.#options.callsAtOnceMax;
  }

  #isClosed(): boolean {
    return this.#circuit === "open" || (this.#circuit === "probing" && this.#active > 0);
  }

  #begin(begin: Begin): void {
    this.#active += 1;
    let ended = false;
    begin({
      end: (how) => {
        if (ended) return false;
        ended = true;
        this.#active -= 1;
        if (how === "answered") this.#close();
        const opened = how === "failed" && this.#failed();
        this.#next();
        return opened;
      },
    });
  }

  #next(): void {
    for (const begin of this.#waiting) {
      if (this.#active >= this.#activeMax) return;
      this.#waiting.delete(begin);
      this.#begin(begin);
    }
  }

  #failed(): boolean {
    this.#failures += 1;
    if (this.#circuit === "open") return false;
    if (this.#circuit === "closed" && this.#failures < this.#options.circuitFailures) return false;
    this.#circuit = "open";
    this.#cancelOpen = this.#clock.after(this.#options.circuitOpenMs, () => {
      this.#circuit = "probing";
    });
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const begin of waiting) begin("circuit-open");
    return true;
  }

  #close(): void {
    this.#failures = 0;
    this.#circuit = "closed";
    this.#cancelOpen?.();
  }

  stop(): void {
    this.#cancelOpen?.();
    this.#waiting.clear();
  }
}

/** Lines that are kept though nobody is in them: with wildcards, flows may name any number of hosts. */
const LINES_MAX = 1_000;

/** The lines before all hosts. */
export class CallLines {
  readonly #clock: Clock;
  readonly #options: DispatchOptions;
  readonly #lines = new Map<string, CallLine>();

  constructor(clock: Clock, options: DispatchOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** How many hosts are not called for a while. */
  get open(): number {
    return [...this.#lines.values()].filter((line) => line.open).length;
  }

  of({ origin }: URL): CallLine {
    const known = this.#lines.get(origin);
    if (known !== undefined) return known;
    if (this.#lines.size >= LINES_MAX) this.#forgetIdle();
    const line = new CallLine(this.#clock, this.#options);
    this.#lines.set(origin, line);
    return line;
  }

  #forgetIdle(): void {
    for (const [origin, line] of this.#lines) if (line.idle) this.#lines.delete(origin);
  }

  stop(): void {
    for (const line of this.#lines.values()) line.stop();
  }
}

import { writeBar } from "./text.ts";

const SHOWN_MS_MIN = 100;

/** A line that moves on standard error while work goes on, where somebody looks on. */
export class Progress {
  readonly #isShown: boolean;
  #shownMs = Number.NEGATIVE_INFINITY;

  /** @param isWanted false where what is printed is for programs */
  constructor(isWanted = true) {
    this.#isShown = isWanted && process.stderr.isTTY;
  }

  /** @param part of the work that is done, from 0 to 1 */
  move(part: number, words: string): void {
    const now = performance.now();
    if (!this.#isShown || now - this.#shownMs < SHOWN_MS_MIN) return;
    this.#shownMs = now;
    process.stderr.write(`\r${writeBar(Math.min(1, part))} ${words}\x1b[K`);
  }

  /** Takes it away, before something else is printed. */
  clear(): void {
    if (!this.#isShown || this.#shownMs < 0) return;
    this.#shownMs = Number.NEGATIVE_INFINITY;
    process.stderr.write("\r\x1b[K");
  }
}

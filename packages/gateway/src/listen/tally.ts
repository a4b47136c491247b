/** Counts what is under way, and says when nothing is. */
export class Tally {
  #count = 0;
  #whenNone: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  begun(): void {
    this.#count++;
  }

  ended(): void {
    this.#count--;
    if (this.#count > 0) return;
    const calls = this.#whenNone;
    this.#whenNone = [];
    for (const call of calls) call();
  }

  none(): Promise<void> {
    return this.#count === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#whenNone.push(resolve));
  }
}

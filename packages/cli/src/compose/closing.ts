/** What a process has opened, ended in the reverse order. */
export class Closing {
  readonly #open: {
    readonly what: string;
    readonly end: () => void | Promise<void> | undefined;
  }[] = [];
  #ending: string | undefined;

  /** What is being ended just now; undefined while nothing is. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /** @param what its name, for a process that does not come to its end */
  add(what: string, end: () => void | Promise<void> | undefined): void {
    this.#open.push({ what, end });
  }

  /** Ends all of it, whatever of it fails. */
  async end(failed: (what: string, error: unknown) => void): Promise<void> {
    for (const { what, end } of this.#open.splice(0).toReversed()) {
      this.#ending = what;
      try {
        await end();
      } catch (error) {
        failed(what, error);
      }
    }
    this.#ending = undefined;
  }
}

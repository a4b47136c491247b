/** A connection that is not read until the log can take more. */
export interface Held {
  relieved(): void;
}

/** Connections whose next packet is a QoS 1 publish that the broker cannot take now. */
export class ReadingGate {
  readonly #held = new Set<Held>();
  readonly #congested: () => boolean;

  constructor(congested: () => boolean) {
    this.#congested = congested;
  }

  get size(): number {
    return this.#held.size;
  }

  hold(connection: Held): void {
    this.#held.add(connection);
  }

  drop(connection: Held): void {
    this.#held.delete(connection);
  }

  /** Lets them go on in the order in which they were stopped; whoever must wait again goes to the end. */
  relieve(): void {
    for (const connection of this.#held) {
      if (this.#congested()) return;
      this.#held.delete(connection);
      connection.relieved();
    }
  }
}

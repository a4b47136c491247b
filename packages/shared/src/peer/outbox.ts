/** Gathers what is said in one turn of the event loop into one frame. */
export class FrameOutbox<T> {
  readonly #send: (frame: string) => void;
  #waiting: T[] = [];

  constructor(send: (frame: string) => void) {
    this.#send = send;
  }

  push(message: T): void {
    if (this.#waiting.push(message) === 1) setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const frame = JSON.stringify(this.#waiting);
    this.#waiting = [];
    this.#send(frame);
  }
}

import type { InstanceId } from "@millrace/shared/contract/names";

/** An event, by its place in `events`, or the timer of an instance. */
export type InputInHand = { readonly partition: number } & (
  | { readonly offset: number; readonly timer?: never }
  | { readonly timer: InstanceId; readonly offset?: never }
);

const NOTHING = 0;
const EVENT = 1;
const TIMER = 2;

/** Of an instance's id; a longer one is not told. */
const ID_BYTES_MAX = 4_096;
const NUMBERS = 4;

/**
 * The input that a process reads or decides just now, in memory that its threads share: when it hangs on
 * it, another thread can say so. Deciding is synchronous, so there is one at a time. Written for every
 * input, so it is some stores to memory and no more.
 */
export class InHand {
  readonly memory: SharedArrayBuffer;
  /** Kind, partition, offset, bytes of the id. */
  readonly #numbers: Float64Array;
  readonly #id: Buffer;

  constructor(memory = new SharedArrayBuffer(NUMBERS * 8 + ID_BYTES_MAX)) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory, 0, NUMBERS);
    this.#id = Buffer.from(memory, NUMBERS * 8);
  }

  takeEvent(partition: number, offset: number): void {
    this.#numbers[1] = partition;
    this.#numbers[2] = offset;
    this.#numbers[0] = EVENT;
  }

  takeTimer(partition: number, id: InstanceId): void {
    this.#numbers[1] = partition;
    this.#numbers[3] = this.#id.write(id, "latin1"); // ids are percent-encoded
    this.#numbers[0] = TIMER;
  }

  putDown(): void {
    this.#numbers[0] = NOTHING;
  }

  get(): InputInHand | undefined {
    const [kind, partition = 0, offset = 0, bytes = 0] = this.#numbers;
    if (kind === EVENT) return { partition, offset };
    if (kind === TIMER && bytes < ID_BYTES_MAX)
      return { partition, timer: this.#id.toString("latin1", 0, bytes) as InstanceId };
    return undefined;
  }
}

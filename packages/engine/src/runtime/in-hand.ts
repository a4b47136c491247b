import type { InstanceId } from "@millrace/shared/contract/names";
import type { Traceparent } from "@millrace/shared/contract/trace";

/** An event, by its place in `events`, or the timer of an instance. */
export type InputInHand = { readonly partition: number; readonly trace?: Traceparent } & (
  | { readonly offset: number; readonly timer?: never }
  | { readonly timer: InstanceId; readonly offset?: never }
);

const NOTHING = 0;
const EVENT = 1;
const TIMER = 2;

/** Of an instance's id, or of a trace; a longer one is not told. */
const TEXT_BYTES_MAX = 4_096;
const NUMBERS = 4;

/**
 * The input that a process reads or decides just now, in memory that its threads share: when it hangs on
 * it, another thread can say so. Deciding is synchronous, so there is one at a time. Written for every
 * input, so it is some stores to memory and no more.
 */
export class InHand {
  readonly memory: SharedArrayBuffer;
  /** Kind, partition, offset, bytes of the text. */
  readonly #numbers: Float64Array;
  readonly #text: Buffer;

  constructor(memory = new SharedArrayBuffer(NUMBERS * 8 + TEXT_BYTES_MAX)) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory, 0, NUMBERS);
    this.#text = Buffer.from(memory, NUMBERS * 8);
  }

  /** @param trace where its record was read already */
  takeEvent(partition: number, offset: number, trace: Traceparent = ""): void {
    this.#numbers[1] = partition;
    this.#numbers[2] = offset;
    this.#numbers[3] = trace === "" ? 0 : this.#text.write(trace, "latin1");
    this.#numbers[0] = EVENT;
  }

  takeTimer(partition: number, id: InstanceId): void {
    this.#numbers[1] = partition;
    this.#numbers[3] = this.#text.write(id, "latin1"); // ids are percent-encoded
    this.#numbers[0] = TIMER;
  }

  putDown(): void {
    this.#numbers[0] = NOTHING;
  }

  get(): InputInHand | undefined {
    const [kind, partition = 0, offset = 0, bytes = 0] = this.#numbers;
    const text = this.#text.toString("latin1", 0, bytes);
    if (kind === EVENT) return { partition, offset, ...(text !== "" && { trace: text }) };
    if (kind === TIMER && bytes < TEXT_BYTES_MAX) return { partition, timer: text as InstanceId };
    return undefined;
  }
}

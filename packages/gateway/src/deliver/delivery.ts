import type { CommandOutcome } from "@millrace/shared/peer/gateways";

const DELIVERED: CommandOutcome = { outcome: "delivered" };
const NONE: CommandOutcome = { outcome: "none" };

/**
 * The fate of one message among all its subscribers.
 *
 * D1 It settles once, at the first subscriber that has the message, or when the last one is known not to.
 * D2 A subscriber that was lost does not refuse: with one of those the outcome is `none`, never `refused`.
 */
export class Delivery {
  readonly outcome: Promise<CommandOutcome>;
  readonly #settle: (outcome: CommandOutcome) => void;
  /** One more than the subscribers still to answer, until `allKnown`. */
  #pending = 1;
  #lost = 0;
  #firstCode: number | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<CommandOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
  }

  /** One more subscriber is to answer. */
  expect(): void {
    this.#pending++;
  }

  /** No more subscribers will be expected. */
  allKnown(): void {
    this.#answered();
  }

  /** A subscriber answered its PUBLISH with a reason code; 0 where MQTT 3.1.1 has none. */
  acknowledged(code: number): void {
    if (code >= 0x80) this.refused(code);
    else this.delivered();
  }

  delivered(): void {
    this.#settle(DELIVERED);
  }

  /** A subscriber said no, or may not or cannot be sent the message. */
  refused(code: number): void {
    this.#firstCode ??= code;
    this.#answered();
  }

  /** A subscriber is gone without an answer, or the message expired before it could be sent. */
  lost(): void {
    this.#lost++;
    this.#answered();
  }

  #answered(): void {
    this.#pending--;
    if (this.#pending > 0) return;
    const code = this.#lost === 0 ? this.#firstCode : undefined;
    this.#settle(code === undefined ? NONE : { outcome: "refused", code });
  }
}

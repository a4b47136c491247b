import type { EpochMs } from "@millrace/shared/contract/time";
import type { Clock } from "@millrace/shared/ports/clock";
import type { LogLine } from "./engine-host.ts";

const DIFFER_MS_MAX = 1_000;
const TOLD_EVERY_MS = 60_000;

/**
 * Whether the brokers' clocks agree. A record of the journal is written after the events that it came of
 * were: an earlier time in it shows that one broker's clock is behind another's by so much at least.
 * Inputs are told the time of `events`, timers fire by that of the journal.
 */
export class BrokerClocks {
  readonly #clock: Clock;
  readonly #onEvent: LogLine;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, onEvent: LogLine) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /**
   * @param readAt log time up to which `events` was read
   * @param writtenAt log time that the journal gave what came of it
   */
  compare(partition: number, readAt: EpochMs, writtenAt: EpochMs): void {
    const behindMs = readAt - writtenAt;
    if (behindMs <= DIFFER_MS_MAX) return;
    const now = this.#clock.monotonicMs();
    if (now - this.#toldMs < TOLD_EVERY_MS) return;
    this.#toldMs = now;
    const what = "the brokers' clocks differ; timers are early or late by as much";
    const facts = { behindMs, behind: `journal/${partition}`, of: `events/${partition}` };
    this.#onEvent("warn", what, facts);
  }
}

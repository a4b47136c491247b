import type { EpochMs } from "@millrace/shared/contract/time";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type { EngineHost } from "./engine-host.ts";
import type { InputPosition } from "./input-position.ts";
import type { Intake } from "./intake.ts";
import type { LogClock } from "./log-clock.ts";
import type { TimerWindow } from "./timer-window.ts";

/** What one turn of a partition has to do. */
export interface Work {
  readonly records: readonly LogRecord[];
  /** Up to when timers may fire in it. */
  readonly timersBy: EpochMs;
}

export interface AgendaParts {
  readonly partition: number;
  readonly host: EngineHost;
  readonly intake: Intake;
  readonly timers: TimerWindow;
  readonly position: InputPosition;
  readonly logClock: LogClock;
}

/** What a partition has to do next: records that have arrived, and timers that may fire (T2, T5). */
export class Agenda {
  readonly #parts: AgendaParts;

  constructor(parts: AgendaParts) {
    this.#parts = parts;
  }

  /** @returns undefined where there is nothing to do now */
  next(): Work | undefined {
    const { turnRecordsMax } = this.#parts.host.options;
    const records = this.#parts.intake.peek(turnRecordsMax);
    const timersBy = this.#timersBy(records);
    const due = this.#parts.timers.next();
    if (records.length === 0 && (due === undefined || due > timersBy)) return undefined;
    return { records, timersBy };
  }

  /** All input that the log took before that time is decided. */
  takenUntil(): EpochMs {
    const { position } = this.#parts;
    if (this.#parts.intake.peek(1).length > 0) return position.time;
    return Math.max(position.time, this.#arrivedUntil());
  }

  /** How long the oldest record that has arrived waits to be decided, by the log's time. */
  waitingMs(): number {
    const [oldest] = this.#parts.intake.peek(1);
    return oldest === undefined ? 0 : this.#parts.logClock.now() - oldest.time;
  }

  /** Up to when timers may fire: the records at hand, or, at the end of the log, all that has arrived. */
  #timersBy(records: readonly LogRecord[]): EpochMs {
    const last = records.at(-1);
    if (last !== undefined) return Math.max(last.time, this.#parts.position.time);
    return this.#arrivedUntil();
  }

  /** Log time until which all input is at hand; 0 where nobody can tell. */
  #arrivedUntil(): EpochMs {
    const arrived = this.#parts.host.subscription().arrivedUntil(this.#parts.partition);
    if (arrived === Number.NEGATIVE_INFINITY) return 0;
    return Math.min(this.#parts.logClock.now(), this.#parts.logClock.at(arrived));
  }
}

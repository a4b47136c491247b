import { parseEventHeader } from "@millrace/shared/contract/event-record";
import { traceFacts } from "@millrace/shared/contract/trace";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { Batch } from "./batch.ts";
import type { Caution, InHand } from "./caution.ts";
import type { Deliveries } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";
import type { InputPosition } from "./input-position.ts";
import type { TimerWindow } from "./timer-window.ts";
import type { Decided, TurnDecider } from "./turn-decider.ts";

export interface CarefulTurnsParts {
  readonly partition: number;
  readonly host: EngineHost;
  readonly caution: Caution;
  readonly timers: TimerWindow;
  readonly position: InputPosition;
  readonly decider: TurnDecider;
  note(decided: Pick<Decided, "taken" | "begun">): void;
  /** Reads records, and loads their instances and these. @returns undefined when the tenure is over */
  prepare(
    records: readonly LogRecord[],
    more: readonly InstanceId[],
  ): Promise<readonly Deliveries[] | undefined>;
  copy(toCopy: readonly Deliveries[]): Promise<void>;
  /** Appends, and resolves when it is acknowledged. */
  append(batch: Batch): Promise<void>;
}

/** Turns of one input each, written down before it is taken (see `Caution`). */
export class CarefulTurns {
  readonly #parts: CarefulTurnsParts;

  constructor(parts: CarefulTurnsParts) {
    this.#parts = parts;
  }

  /** @param timersBy at the end of the log, where there is no record: up to when timers may fire */
  async turn(record: LogRecord | undefined, timersBy: EpochMs): Promise<void> {
    const { host, timers, position } = this.#parts;
    await host.turnstile.alone(async () => {
      const by = record === undefined ? timersBy : Math.max(position.time, record.time);
      const due = timers.next();
      const timer = timers.take(by);
      if (timer !== undefined && due !== undefined) await this.#takeTimer(timer, due);
      else if (record !== undefined) await this.#takeRecord(record);
    });
  }

  async #takeRecord(record: LogRecord): Promise<void> {
    const { caution, decider, note, prepare, copy, append } = this.#parts;
    const inHand = { offset: record.offset };
    if (caution.isPoison(inHand)) {
      note({ taken: 1, begun: undefined });
      await append(decider.rejectRecord(record, this.#poison(inHand, record.header)));
      return caution.settled(inHand);
    }
    await this.#writeDown(inHand);
    const deliveries = await prepare([record], []);
    if (deliveries === undefined) return;
    const own = decider.dueBefore(deliveries);
    if (own !== undefined) return await this.#takeTimer(own.id, own.due);
    const decided = decider.decide(deliveries, 0, 0);
    note(decided);
    await copy(decided.toCopy);
    // Of an event that goes in several turns, the next one may be what ends its owners.
    await this.#survive(decided.begun === undefined ? inHand : undefined, decided.batch);
  }

  async #takeTimer(timer: InstanceId, due: EpochMs): Promise<void> {
    const { caution, decider, prepare, append } = this.#parts;
    const inHand = { timer };
    if ((await prepare([], [timer])) === undefined) return;
    if (caution.isPoison(inHand)) {
      await append(decider.rejectTimer(timer, due, this.#poison(inHand)));
      return caution.settled(inHand);
    }
    await this.#writeDown(inHand);
    await this.#survive(inHand, decider.decideTimer(timer, due));
  }

  async #writeDown(inHand: InHand): Promise<void> {
    const { caution, append } = this.#parts;
    const mark = new Batch();
    mark.addMark({ trying: caution.trying(inHand) });
    await append(mark);
  }

  /** What was in hand is not what ends owners: a record after the mark says so. */
  async #survive(inHand: InHand | undefined, batch: Batch): Promise<void> {
    const { caution, append } = this.#parts;
    if (batch.entries.length === 0) batch.addMark();
    await append(batch);
    if (inHand !== undefined) caution.settled(inHand);
  }

  #poison(inHand: InHand, header?: string): string {
    const { host, partition } = this.#parts;
    const read = parseEventHeader(header);
    host.onEvent("error", "an input is rejected that ended its owners", {
      partition,
      ...inHand,
      ...("malformed" in read ? {} : traceFacts(read.trace)),
    });
    return "it was in hand when owners of its partition ended, one after the other; it is kept unread";
  }
}

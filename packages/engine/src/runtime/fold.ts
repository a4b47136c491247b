import type { Instance } from "@millrace/shared/contract/instance";
import { type JournalHeader, parseJournalHeader } from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import { type InstanceId, instanceId } from "@millrace/shared/contract/names";
import { movePosition, type Position } from "@millrace/shared/contract/position";
import { type Bookmark, gapError, JournalReader } from "@millrace/shared/contract/reader";
import { evolve } from "@millrace/shared/core/evolve/evolve";
import { assert } from "@millrace/shared/errors/assert";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type {
  StoredInstance,
  StoredPartition,
  StoredRejection,
} from "@millrace/shared/ports/state-store";
import { positionOf } from "./floor.ts";
import { indexOf, storedRejection } from "./stored.ts";

/**
 * Folds a stretch of a partition's journal, from where the store stands. Only `evolve` is called: what
 * is journalled is never decided again.
 */
export class Fold {
  readonly #partition: number;
  readonly #reader: JournalReader;
  readonly #changed = new Map<InstanceId, StoredInstance>();
  #rejections: StoredRejection[] = [];
  #position: Position;

  constructor(partition: number, from: StoredPartition) {
    this.#partition = partition;
    this.#reader = new JournalReader(from.journal);
    this.#position = from.input;
  }

  get bookmark(): Bookmark {
    return this.#reader.bookmark;
  }

  get position(): Position {
    return this.#position;
  }

  get changes(): number {
    return this.#changed.size + this.#rejections.length;
  }

  /** @throws OperationalError LOG-005 when the log has lost records, LOG-007 when one cannot be read */
  take(record: LogRecord): void {
    const header = parseJournalHeader(record.header);
    const reading = this.#reader.read(record.offset, header);
    if (reading === "gap") throw gapError(this.#partition, record.offset);
    if (reading !== "counts" || header === undefined) return;
    this.#apply(header, record);
    if (header.pos !== undefined) this.#position = movePosition(this.#position, header.pos);
  }

  #apply(header: JournalHeader, record: LogRecord): void {
    const { offset, value } = record;
    switch (header.kind) {
      case "step": {
        const step = readJournalValue("step", record, this.#partition);
        const instance = evolve(undefined, "step@1", step);
        assert(instance !== undefined, "a step has an instance");
        this.#change(instance, [offset], step.from === null);
        break;
      }
      case "refresh": {
        const refresh = readJournalValue("refresh", record, this.#partition);
        const instance = evolve(undefined, "refresh@1", refresh);
        if (instance !== undefined) this.#change(instance, [], false);
        break;
      }
      case "rejected": {
        const rejected = readJournalValue("rejected", record, this.#partition);
        this.#rejections.push(storedRejection(offset, rejected, value?.toString("utf8") ?? ""));
        const instance = evolve(undefined, "rejected@1", rejected);
        if (instance !== undefined) this.#change(instance, [], false);
        break;
      }
      case "checkpoint":
        this.#position = positionOf(
          readJournalValue("checkpoint", record, this.#partition),
          this.#position.floor,
        );
        break;
      default:
        break;
    }
  }

  #change(instance: Instance, steps: readonly number[], begins: boolean): void {
    const id = instanceId(instance);
    const before = begins ? undefined : this.#changed.get(id);
    this.#changed.set(id, {
      id,
      json: JSON.stringify(instance),
      index: indexOf(instance),
      steps: [...(before?.steps ?? []), ...steps],
      begins: begins || before?.begins === true,
    });
  }

  /** What changed since the last call. */
  drain(): {
    instances: readonly StoredInstance[];
    rejections: readonly StoredRejection[];
  } {
    const instances = [...this.#changed.values()];
    const rejections = this.#rejections;
    this.#changed.clear();
    this.#rejections = [];
    return { instances, rejections };
  }
}

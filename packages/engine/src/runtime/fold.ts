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

/** What a stretch of the journal does to one instance. */
interface Changed {
  instance: Instance;
  /** Offsets of its steps, oldest first, since it began where it does. */
  steps: number[];
  begins: boolean;
}

/**
 * Folds a stretch of a partition's journal, from where the store stands. Only `evolve` is called: what
 * is journalled is never decided again.
 */
export class Fold {
  readonly #partition: number;
  readonly #reader: JournalReader;
  readonly #changed = new Map<InstanceId, Changed>();
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
        this.#change(instance, offset, step.from === null);
        break;
      }
      case "refresh": {
        const refresh = readJournalValue("refresh", record, this.#partition);
        const instance = evolve(undefined, "refresh@1", refresh);
        if (instance !== undefined) this.#change(instance, undefined, false);
        break;
      }
      case "rejected": {
        const rejected = readJournalValue("rejected", record, this.#partition);
        const json = value?.toString("utf8") ?? "";
        this.#rejections.push(storedRejection(offset, { rejected, json, trace: header.trace }));
        const instance = evolve(undefined, "rejected@1", rejected);
        if (instance !== undefined) this.#change(instance, undefined, false);
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

  /** @param step the offset of a step that it comes from */
  #change(instance: Instance, step: number | undefined, begins: boolean): void {
    const id = instanceId(instance);
    const known = this.#changed.get(id);
    if (known === undefined) {
      this.#changed.set(id, { instance, begins, steps: step === undefined ? [] : [step] });
      return;
    }
    known.instance = instance;
    if (begins) {
      known.begins = true;
      known.steps = [];
    }
    if (step !== undefined) known.steps.push(step);
  }

  /** What changed since the last call. */
  drain(): {
    instances: readonly StoredInstance[];
    rejections: readonly StoredRejection[];
  } {
    const instances = Array.from(this.#changed, ([id, { instance, steps, begins }]) => ({
      id,
      json: JSON.stringify(instance),
      index: indexOf(instance),
      steps,
      begins,
    }));
    const rejections = this.#rejections;
    this.#changed.clear();
    this.#rejections = [];
    return { instances, rejections };
  }
}

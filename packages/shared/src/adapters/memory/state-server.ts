import type { InstanceId } from "../../contract/names.ts";
import { type Position, startPosition } from "../../contract/position.ts";
import { type Bookmark, startBookmark } from "../../contract/reader.ts";
import {
  type InstanceIndex,
  SCAN_PAGE_MAX,
  type StoredRejection,
} from "../../ports/state-store.ts";

export interface StoredRow {
  readonly json: string;
  readonly index: InstanceIndex;
  readonly steps: readonly number[];
}

/** What the test world's store holds of one partition. */
export interface StoredFold {
  epoch: number;
  log: string | undefined;
  journal: Bookmark;
  input: Position;
  until: number | undefined;
  instances: Map<InstanceId, StoredRow>;
  rejections: StoredRejection[];
}

/** The store of the test world: it outlives its clients, and can be wiped or set back like a server. */
export class MemoryStateServer {
  /** How many instances a page of a scan has. */
  scanPageMax = SCAN_PAGE_MAX;
  readonly #partitions = new Map<number, StoredFold>();

  partition(partition: number): StoredFold {
    let fold = this.#partitions.get(partition);
    if (fold === undefined) {
      fold = {
        epoch: -1,
        log: undefined,
        journal: startBookmark,
        input: startPosition,
        until: undefined,
        instances: new Map(),
        rejections: [],
      };
      this.#partitions.set(partition, fold);
    }
    return fold;
  }

  partitions(): readonly number[] {
    return [...this.#partitions.keys()].sort((a, b) => a - b);
  }

  wipe(): void {
    this.#partitions.clear();
  }

  /**
   * What `restore` sets the store, or one partition of it, back to, as a failover to a lagging replica
   * does. Rows are never changed in place, so the maps alone are copied.
   */
  backup(only?: number): () => void {
    const kept = [...this.#partitions]
      .filter(([partition]) => only === undefined || partition === only)
      .map(([partition, fold]) => [partition, copyOf(fold)] as const);
    return () => {
      if (only === undefined) this.#partitions.clear();
      for (const [partition, fold] of kept) this.#partitions.set(partition, copyOf(fold));
    };
  }
}

function copyOf(fold: StoredFold): StoredFold {
  return { ...fold, instances: new Map(fold.instances), rejections: [...fold.rejections] };
}

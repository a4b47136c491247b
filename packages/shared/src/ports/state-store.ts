import type { Instance } from "../contract/instance.ts";
import type { RejectionCode } from "../contract/journal-record.ts";
import type { InstanceId } from "../contract/names.ts";
import type { Position } from "../contract/position.ts";
import type { Bookmark } from "../contract/reader.ts";
import type { EpochMs } from "../contract/time.ts";
import type { Traceparent } from "../contract/trace.ts";

/** What the store holds of one partition: the fold of its journal up to `journal`. */
export interface StoredPartition {
  readonly journal: Bookmark;
  readonly input: Position;
  /** Offset in the journal that a fold begun anew has yet to come to; until then it holds a part. */
  readonly until?: number | undefined;
}

/** One instance as it stands after the steps of a commit. */
export interface StoredInstance {
  readonly id: InstanceId;
  /** The instance, encoded; the same text as in its last step. */
  readonly json: string;
  readonly index: InstanceIndex;
  /** The index that the store has, where that is known: spares it a look. */
  readonly was?: InstanceIndex | undefined;
  /** Journal offsets of the steps since the last commit, oldest first. */
  readonly steps: readonly number[];
  /** Whether these steps began a new generation, so that older steps are no longer its history. */
  readonly begins: boolean;
}

/** What instances are looked up by. */
export interface InstanceIndex {
  /** `ns/flow`, encoded. */
  readonly flow: string;
  /** Active states as paths, `a` and `a.b`; none of an ended instance. */
  readonly states: readonly string[];
  readonly status: Instance["status"];
  /** Each as `ns/thing`, encoded; several of an instance of a deployment. */
  readonly things?: readonly string[];
  /** Its earliest timer or deadline. */
  readonly due?: EpochMs;
  /** Whether it owes an effect that was put aside. */
  readonly parked: boolean;
}

/** A rejection, as listed; the whole record stands in the journal at `offset`. */
export interface StoredRejection {
  readonly offset: number;
  readonly at: EpochMs;
  readonly ns: string;
  readonly flow?: string;
  readonly key?: string;
  readonly thing?: string;
  readonly code: RejectionCode;
  /** The `rejected` record's value, encoded. */
  readonly json: string;
  readonly trace?: Traceparent;
}

export interface PartitionChange {
  /** The position that this owner's last commit, or its claim, left. */
  readonly from: Bookmark;
  readonly to: Bookmark;
  readonly input: Position;
  readonly instances: readonly StoredInstance[];
  readonly rejections: readonly StoredRejection[];
  /** Instances to forget: ended long ago. */
  readonly dropped?: readonly InstanceId[];
  /** Answer with the instances due in this range, as they are after the commit. */
  readonly due: DueRange;
}

/** Log times: after one, up to and with the other. */
export interface DueRange {
  readonly after: EpochMs;
  readonly by: EpochMs;
}

/** All instances of a range whose earliest timer is due by `until`, and perhaps some due later. */
export interface DuePage {
  readonly until: EpochMs;
  readonly due: readonly { readonly id: InstanceId; readonly at: EpochMs }[];
}

export interface InstanceQuery {
  readonly ns: string;
  readonly flow?: string;
  readonly state?: string;
  readonly thing?: string;
  readonly status?: Instance["status"];
  readonly cursor?: string;
  readonly limit: number;
}

export interface InstancePage {
  readonly items: readonly Instance[];
  /** The cursor of the next page, where there is one. */
  readonly next?: string;
}

export interface ScanPage {
  readonly items: readonly { readonly id: InstanceId; readonly json: string }[];
  /** The cursor of the next page; absent with the last. */
  readonly next?: string;
}

export interface RejectionQuery {
  readonly ns: string;
  readonly flow?: string;
  readonly cursor?: string;
  readonly limit: number;
}

export interface RejectionPage {
  readonly items: readonly PlacedRejection[];
  readonly next?: string;
}

export type PlacedRejection = StoredRejection & { readonly partition: number };

/** The fold of the journal, partition by partition. Rebuildable; holds nothing that the journal does not. */
export interface StateStore {
  /**
   * Takes note that the claim at journal offset `epoch` owns a partition: commits by an earlier claim
   * fail from here on, if the store is not wiped meanwhile. @returns what it holds
   *
   * @param log the log's id, kept with the first claim
   * @throws OperationalError STATE-001 when it knows a newer claim, STATE-004 when it holds another log
   */
  claim(partition: number, epoch: number, log: string): Promise<StoredPartition>;
  /**
   * Forgets all that it holds of a partition, at once; the fold begins anew after `at`, with nothing,
   * and is a part of the whole until a commit comes to the offset `until`.
   *
   * @throws OperationalError STATE-001 when it knows a newer claim
   */
  restart(partition: number, epoch: number, at: StoredPartition, until: number): Promise<void>;
  /**
   * Reads instances in one round trip; absent ones are absent from the map.
   * @throws OperationalError STATE-002 when the store does not hold the journal up to `at`; ahead of it is only
   * what the caller has committed meanwhile
   */
  load(
    partition: number,
    ids: readonly InstanceId[],
    at: Bookmark,
  ): Promise<ReadonlyMap<InstanceId, string>>;
  /**
   * Writes all of `change`, or none of it. It is taken if `from <= held <= to`, so that a repeat is
   * answered as the first was.
   * @throws OperationalError STATE-001 when a newer claim is known, STATE-002 as above
   */
  commit(partition: number, epoch: number, change: PartitionChange): Promise<DuePage>;
  /** @throws OperationalError STATE-002 when the store does not hold the journal up to `at` */
  due(partition: number, range: DueRange, at: Bookmark): Promise<DuePage>;

  /**
   * All instances, page by page in any order; one may come twice. What the store held when the first
   * page was asked for is in one of them.
   * @param cursor of the page before; absent for the first
   * @throws OperationalError STATE-002 when the store does not hold the journal up to `at`
   */
  scan(partition: number, at: Bookmark, cursor?: string): Promise<ScanPage>;
  /** How many instances it holds of a partition. */
  count(partition: number): Promise<number>;

  /** Look-ups, for people; they may be a commit behind the journal. */
  instance(partition: number, id: InstanceId): Promise<Instance | undefined>;
  /** Journal offsets of an instance's last steps, oldest first, 64 at the most. */
  history(partition: number, id: InstanceId): Promise<readonly number[]>;
  /** In the order of their ids. */
  instances(query: InstanceQuery): Promise<InstancePage>;
  /** Newest first. */
  rejections(query: RejectionQuery): Promise<RejectionPage>;
  /** Instances that owe an effect that was put aside. */
  parked(partition: number): Promise<readonly Instance[]>;
  position(partition: number): Promise<StoredPartition | undefined>;
  close(): Promise<void>;
}

/** How many of an instance's last steps are found without a search of the journal. */
export const HISTORY_STEPS_MAX = 64;
/** How many rejections of a partition are listed; older ones stand in the journal. */
export const REJECTIONS_LISTED_MAX = 10_000;
/** How many instances a page of a scan has, more or less. */
export const SCAN_PAGE_MAX = 500;
/** How many due instances one answer brings. */
export const DUE_PAGE_MAX = 5_000;

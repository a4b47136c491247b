import { defaultLimits, type Limits } from "@millrace/shared/core/world";

/** What bounds an engine. */
export interface EngineOptions {
  readonly limits: Limits;
  /** Instances kept in memory, over all partitions of this process. */
  readonly cachedInstancesMax: number;
  /** Records that one turn of a partition takes at most. */
  readonly turnRecordsMax: number;
  /** Encoded records that one append holds at most. */
  readonly appendBytesMax: number;
  /** Arrived records of a partition, beyond which it is paused. */
  readonly arrivedRecordsMax: number;
  /** Arrived bytes of all partitions; one that is beyond its share of them is paused. */
  readonly arrivedBytesMax: number;
  /** How far the store may be behind the journal: time and steps. */
  readonly commitMs: number;
  readonly commitStepsMax: number;
  /** Instances that wait for the store, beyond which a partition takes no more. */
  readonly uncommittedMax: number;
  /** How long the input may move without a step before a mark says so. */
  readonly markMs: number;
  /** How far ahead due timers are kept in memory. */
  readonly timerWindowMs: number;
  /** How often the store is asked for due timers when nothing is committed; notices a wiped one. */
  readonly storeCheckMs: number;
  /** Pause before a timer looks again whether its flow version is known by now. */
  readonly unknownVersionMs: number;
  /** How often the group is told how far the input is decided: for displays of its lag, never read back. */
  readonly lagMs: number;
  /** Pause before a partition that could not be claimed is claimed anew. */
  readonly reclaimMs: number;
}

/**
 * Turns and commits of 1,000 records instead of 500 cost twice the CPU at 100,000 instances: what is
 * under way for all partitions then outlives the young generation (docs/benchmarks.md).
 */
export const defaultEngineOptions: EngineOptions = {
  limits: defaultLimits,
  cachedInstancesMax: 200_000,
  turnRecordsMax: 500,
  appendBytesMax: 900_000,
  arrivedRecordsMax: 2_000,
  arrivedBytesMax: 64 * 1024 * 1024,
  commitMs: 50,
  commitStepsMax: 500,
  uncommittedMax: 20_000,
  markMs: 1_000,
  timerWindowMs: 60_000,
  storeCheckMs: 5_000,
  unknownVersionMs: 5_000,
  lagMs: 5_000,
  reclaimMs: 500,
};
